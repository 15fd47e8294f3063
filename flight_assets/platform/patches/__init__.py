"""Hooks into one version of another program, one file each.

Each states library and version, symptom, gain, guarding test, and when to remove it.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

STATED = ("Library", "Symptom", "Gain", "Guard", "Remove")


def described() -> dict[str, dict[str, str]]:
    """Return what each hook states: ``Purpose``, the first line of its docstring, and STATED."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
        text = ast.get_docstring(ast.parse(path.read_text())) or ""
        text = re.sub(r"\n +::", "::", text)  # a long name of a test is in a line of its own
        stated = dict(re.findall(rf"^({'|'.join(STATED)}): (.+)$", text, re.MULTILINE))
        found[path.stem] = {"Purpose": text.partition("\n")[0]} | {
            name: stated.get(name, "") for name in STATED
        }
    return found
