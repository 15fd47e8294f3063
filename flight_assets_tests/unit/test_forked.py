"""Commands that tests run in forked processes."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from flight_assets_tests import forked


def test_a_command_never_runs_what_is_the_main_module_meanwhile(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.py"
    page.write_text("raise SystemExit(1)")
    main = ModuleType("__main__")
    main.__file__ = str(page)
    monkeypatch.setitem(sys.modules, "__main__", main)
    assert forked.run_flights(("--help",), 120).returncode == 0
