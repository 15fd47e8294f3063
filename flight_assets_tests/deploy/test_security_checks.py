"""`make audit` and `make sbom`: what was not asked is never called fine, and the bill has every
locked part.
"""

from __future__ import annotations

import json
import runpy
from datetime import date
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


SERVERS = runpy.run_path(str(DEPLOY / "security/audit_servers.py"))
TODAY = date(2026, 12, 1)


def reviewed(verdict: str = "fine", on: date = TODAY) -> list[object]:
    return [SERVERS["Review"]("nginx", "1.0", on, verdict, "as seen")]


def test_every_image_and_embedded_server_has_a_review():
    lines = SERVERS["servers"](SERVERS["images"]() | SERVERS["embedded"](), SERVERS["reviews"](), TODAY)
    assert [line for line, is_problem in lines if is_problem] == []


def test_no_review_is_left_of_a_version_that_is_not_used():
    kept = {(review.part, review.version) for review in SERVERS["reviews"]()}
    assert kept == SERVERS["images"]() | SERVERS["embedded"]()


@pytest.mark.parametrize(
    ("known", "says", "is_problem"),
    [
        (reviewed(), "no known severe one", False),
        (reviewed("risk"), "KNOWN RISK", False),
        (reviewed("unknown"), "NOT audited", False),
        (reviewed(on=date(2026, 1, 1)), "NOT audited since 2026-01-01", True),
        ([], "it has no review", True),
    ],
)
def test_a_server_is_called_fine_only_by_a_fresh_review(known, says, is_problem):
    ((line, found),) = SERVERS["servers"]([("nginx", "1.0")], known, TODAY)
    assert says in line
    assert found is is_problem


def test_a_jar_is_told_with_its_severe_vulnerabilities():
    advisories = [
        {"id": "GHSA-1", "summary": "reads memory", "database_specific": {"severity": "HIGH"}},
        {"id": "GHSA-2", "database_specific": {"severity": "LOW"}},
        {"id": "GHSA-3"},
    ]
    found = SERVERS["jar_problems"]([("g", "a", "1")], lambda _question: {"vulns": advisories})
    assert list(found) == ["g:a 1: GHSA-1 (high) reads memory", "g:a 1: GHSA-3 (unknown)"]


def test_a_jar_that_could_not_be_asked_for_is_not_called_fine():
    def refuse(_question: object) -> None:
        raise OSError("no such host")

    (line,) = SERVERS["jar_problems"]([("g", "a", "1")], refuse)
    assert "NOT audited" in line
