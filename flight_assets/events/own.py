"""Own patterns: files in a configured folder, each with a ``PATTERN``, loaded beside the built-in ones.

The files run with the platform's rights. So the folder must be one that only operators can write to.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from flight_assets.errors import FlightsError
from flight_assets.events.model import Pattern
from flight_assets.events.patterns import PATTERNS

if TYPE_CHECKING:
    from flight_assets.settings import Settings


def all_patterns(settings: Settings) -> tuple[Pattern, ...]:
    """Return the built-in patterns and those of ``events_patterns_dir``, by file name.

    Raises:
        FlightsError: the folder is not there, a file cannot be loaded, or a name is used twice.
    """
    if settings.events_patterns_dir is None:
        return PATTERNS
    folder = settings.events_patterns_dir.expanduser()
    if not folder.is_dir():
        raise FlightsError(f"there is no folder {folder}: create it, or unset FLIGHTS_EVENTS_PATTERNS_DIR")
    patterns = list(PATTERNS)
    for file in sorted(folder.glob("*.py")):
        pattern = load(file)
        if pattern.name in {each.name for each in patterns}:
            raise FlightsError(f"{file} declares the pattern {pattern.name}, which exists already: rename it")
        patterns.append(pattern)
    return tuple(patterns)


def load(file: Path) -> Pattern:
    """Return the ``PATTERN`` of a Python file. Raises FlightsError with the reason if there is none."""
    name = f"flights_own_pattern_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None or not file.is_file():
        raise FlightsError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise FlightsError(f"{file} cannot be loaded: {type(error).__name__}: {error}") from error
    pattern = getattr(module, "PATTERN", None)
    if not isinstance(pattern, Pattern):
        raise FlightsError(f"{file} has no PATTERN of flight_assets.events.model.Pattern")
    if not (pattern.on_event or pattern.on_tick or pattern.on_wake):
        raise FlightsError(f"the pattern {pattern.name} of {file} has no function")
    return pattern
