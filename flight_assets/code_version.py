"""Version of the code that makes a step's rows: a hash over everything of ours that its module imports."""

from __future__ import annotations

import re
from functools import cache
from hashlib import sha256
from pathlib import Path

PACKAGE = Path(__file__).parent
DIGITS = 12
_IMPORT = re.compile(
    r"^\s*(?:from (flight_assets[\w.]*) import (\([^)]*\)|[^\n]+)|import (flight_assets[\w.]*))", re.MULTILINE
)


def code_version(module: str) -> str:
    """Return the start of a SHA-256 over a module, our modules that it reaches, and our Spark extensions.

    Imports inside functions count as well, since that is where the code for Spark's workers is imported.
    """
    digest = sha256(module.encode())
    for path in [*sorted(_closure(module)), *sorted(PACKAGE.glob("platform/**/*.scala"))]:
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:DIGITS]


def _closure(module: str) -> set[Path]:
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        path = _path(waiting.pop())
        if path is not None and path not in found:
            found.add(path)
            waiting += _imports(path)
    return found


@cache
def _imports(path: Path) -> list[str]:
    names = []
    for source, imported, plain in _IMPORT.findall(path.read_text()):
        names.append(source or plain)
        names += [
            f"{source}.{name.split(' as ')[0].strip()}"
            for name in imported.strip("()").split(",")
            if name.strip()
        ]
    return names


def _path(module: str) -> Path | None:
    base = PACKAGE.joinpath(*module.split(".")[1:])
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)
