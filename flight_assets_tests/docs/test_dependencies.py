"""Every package of pyproject.toml is on the page of dependencies, and no other."""

from __future__ import annotations

import re
import tomllib

from flight_assets_tests.docs.markdown import ROOT, Page

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PAGE = Page("docs/dependencies.md")


def names(requirements: list[str]) -> set[str]:
    return {re.match(r"[\w.-]+", requirement)[0] for requirement in requirements}


def named_in(section: str) -> set[str]:
    rows = re.findall(r"^\| (`[^|]+) \|", PAGE.text.split(f"\n## {section}\n")[1].split("\n## ")[0], re.M)
    return {name for row in rows for name in re.findall(r"`([\w.-]+)(?:\[\w+\])?`", row)}


def test_each_package_has_its_reason() -> None:
    assert named_in("To run") == names(PROJECT["project"]["dependencies"])


def test_each_package_for_developing_has_its_reason() -> None:
    assert named_in("To develop and measure") == names(PROJECT["dependency-groups"]["dev"])


def test_the_licence_of_the_project_is_the_one_of_the_file() -> None:
    assert PROJECT["project"]["license"] == "Apache-2.0"
    assert PROJECT["project"]["license-files"] == ["LICENSE"]
    assert "Apache License" in (ROOT / "LICENSE").read_text()[:200]
