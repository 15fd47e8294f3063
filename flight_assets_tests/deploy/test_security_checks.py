"""`make audit` and `make sbom`: what was not asked is never called fine, and the bill has every
locked part.
"""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from flight_assets.platform.jars import read_lock
from flight_assets_tests.deploy.compose import DEPLOY

FINE = {"name": "fine", "version": "1.0", "vulns": []}
BAD = {
    "name": "bad",
    "version": "2.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"]}, {"id": "GHSA-2", "fix_versions": []}],
}
UNKNOWN = {"name": "unknown", "skip_reason": "Dependency not found"}


@pytest.fixture
def audited(tmp_path, monkeypatch, capsys):
    """Exit code and output of the audit of one lock when pip-audit prints this and ends with that."""

    def run(output: str, code: int) -> tuple[int, str]:
        tool = tmp_path / "pip-audit"
        (tmp_path / "output").write_text(output)
        tool.write_text(
            f"#!/bin/sh\ncat {tmp_path}/output\necho 'ConnectionError: no such host' >&2\nexit {code}\n"
        )
        tool.chmod(0o700)
        main = runpy.run_path(str(DEPLOY / "security/audit.py"))["main"]
        monkeypatch.setitem(main.__globals__, "PIP_AUDIT", tool)
        return main(["some.lock"]), capsys.readouterr().out

    return run


def test_an_audit_without_findings_says_so(audited):
    assert audited(json.dumps({"dependencies": [FINE]}), 0) == (0, "some.lock: no known vulnerability\n")


def test_each_vulnerability_is_a_line_with_the_version_that_mends_it(audited):
    code, said = audited(json.dumps({"dependencies": [FINE, BAD]}), 1)
    assert code == 1
    assert said.splitlines() == [
        "some.lock: bad 2.0: PYSEC-1, fixed in 2.1",
        "some.lock: bad 2.0: GHSA-2, fixed in no version",
    ]


def test_a_service_that_cannot_be_reached_fails_and_is_named(audited):
    code, said = audited("", 1)
    assert code == 1
    assert (
        said
        == "some.lock: NOT audited, the vulnerability service (OSV) could not be asked: ConnectionError: no"
        " such host\n"
    )


@pytest.mark.parametrize("packages", [[FINE, UNKNOWN], []], ids=["one unknown", "none at all"])
def test_what_was_not_asked_for_fails_although_pip_audit_ends_with_0(audited, packages):
    code, said = audited(json.dumps({"dependencies": packages}), 0)
    assert code == 1
    assert "NOT audited" in said


def test_the_bill_has_every_jar_once_with_its_hash():
    with_jars = runpy.run_path(str(DEPLOY / "security/sbom.py"))["with_jars"]
    bill = with_jars({"components": [{"bom-ref": "a package"}]}, read_lock())
    assert bill["components"][0] == {"bom-ref": "a package"}
    added = {found["purl"]: found["hashes"][0]["content"] for found in bill["components"][1:]}
    assert len(added) == len(bill["components"]) - 1
    assert set(added.values()) == {jar.sha256 for jar in read_lock()}
    kafka = next(jar for jar in read_lock() if jar.artifact == "kafka_2.13")
    assert added[f"pkg:maven/org.apache.kafka/kafka_2.13@{kafka.version}"] == kafka.sha256


def test_what_is_made_is_not_committed():
    assert "/build/" in Path(DEPLOY.parent / ".gitignore").read_text().splitlines()
