"""Complex events by the API: a tenant sees those of its flights, and of the others' nothing."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from flight_assets.queries import findings
from flight_assets.queries.findings import WantedFindings, carrier_of, visible
from flight_assets.tenancy import EVERYTHING, Scope

UNITED = Scope("united", ("UA", "UAL"))
NOBODY = Scope("nobody", ())
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def row(number=0, flights=("UA1-EWR-20260601",), **changes):
    return {
        "finding_id": f"{number:016x}", "pattern": "overdue", "severity": "warning",
        "key": "departure:UA1-EWR-20260601", "airport": "EWR", "airline": "UA",
        "explanation": "UA1-EWR-20260601 is overdue. 30 flights wait.",
        "started": NOON, "raised": NOON + timedelta(minutes=number), "updated": NOON, "changes": 1,
        "numbers": {"flights": 30.0}, "cleared": None, "cleared_because": None,
        "flight_ids": list(flights), "is_confirmed": True, "is_partial": False, **changes,
    }  # fmt: skip


STOP = row(
    1, ("UA1-EWR-20260601", "AA2-EWR-20260601"), key="airport:EWR", airline="", pattern="ground_stop",
    explanation="Nothing has departed from EWR. AA2-EWR-20260601 waits.",
)  # fmt: skip
CHAIN = row(2, ("AA7-BOS-20260601", "UA1-EWR-20260601"), key="N7AA", airline="AA", pattern="overdue")


def test_a_finding_about_own_flights_is_whole_and_every_scope_of_everything_sees_all():
    assert visible(row(), UNITED) == row()
    assert visible(STOP, EVERYTHING) == STOP


@pytest.mark.parametrize(("found", "key"), [(STOP, "airport:EWR"), (CHAIN, None)])
def test_of_a_finding_with_others_flights_a_tenant_sees_its_own_and_no_number(found, key):
    seen = visible(found, UNITED)
    assert seen["flight_ids"] == ["UA1-EWR-20260601"]
    assert (seen["is_partial"], seen["key"], seen["numbers"], seen["airline"]) == (True, key, {}, "")
    assert "AA" not in json.dumps(seen, default=str)


@pytest.mark.parametrize(
    ("flight_id", "airline"),
    [("UA1-EWR-20260601", "UA"), ("U21234-LTN-20260601", "U2"), ("UAL12A-EWR-20260601", "UAL"), ("x", "")],
)
def test_the_airline_of_a_flight_id(flight_id, airline):
    assert carrier_of(flight_id) == airline


@pytest.mark.parametrize(
    ("scope", "asked", "sql", "match"),
    [
        (EVERYTHING, (), "TRUE", {}),
        (EVERYTHING, ("AA",), "airline IN ('AA')", {"$and": [{"airline": {"$in": ["AA"]}}]}),
        (
            UNITED, (),
            "(airline IN ('UA', 'UAL') OR exists(flight_ids, each -> each RLIKE '^(UA|UAL)[0-9]'))",
            {"$and": [{"$or": [{"airline": {"$in": ["UA", "UAL"]}},
                               {"flight_ids": {"$regex": "^(UA|UAL)[0-9]"}}]}]},
        ),
        (
            NOBODY, (), "(exists(flight_ids, each -> each RLIKE '^-'))",
            {"$and": [{"$or": [{"airline": {"$in": []}}, {"flight_ids": {"$regex": "^-"}}]}]},
        ),
    ],
)  # fmt: skip
def test_a_condition_never_goes_beyond_the_scope(scope, asked, sql, match):
    wanted = WantedFindings(airlines=asked, scope=scope)
    assert (wanted.sql(), wanted.mongo()) == (sql, match)


def test_asking_for_another_airline_finds_nothing():
    wanted = WantedFindings(airlines=("AA",), scope=UNITED)
    assert wanted.sql().startswith("FALSE AND")
    assert wanted.mongo()["$and"][0] == {"airline": {"$in": []}}


@pytest.mark.parametrize(
    "odd",
    [
        {"patterns": ("' OR 1=1 --",)},
        {"severities": ("worst",)},
        {"airports": ("';",)},
        {"airlines": ("U",)},
        {"scope": Scope("odd", ("' OR 1=1 --",))},
    ],
)
def test_what_is_no_name_or_code_is_in_no_condition(odd):
    with pytest.raises(ValueError, match=r"none of|no airline"):
        WantedFindings(**odd)


@pytest.fixture
def listed(context, monkeypatch):
    """Three open findings, as MongoDB would page them; ``asked`` has what was asked for."""
    asked = []

    def page(_db, wanted, limit, after):
        asked.append((wanted, after))
        rows = [visible(row(number), wanted.scope) for number in (2, 1, 0)]
        later = [each for each in rows if after is None or each["finding_id"] < after[1]]
        return later[:limit]

    monkeypatch.setattr(findings, "open_page", page)
    monkeypatch.setattr(findings, "open_finding", lambda _db, _scope, _id: row(5))
    monkeypatch.setattr(context.clients, "mongo", lambda: None)
    return asked


def test_pages_follow_on_and_a_cursor_belongs_to_its_filters(listed, as_key):
    client = as_key("11111111")
    first = client.get("/v1/events?limit=2&severity=warning&since=2026-06-01T00:00:00Z").json()
    assert [each["finding_id"][-1] for each in first["data"]] == ["2", "1"]
    second = client.get(first["next"]).json()
    assert ([each["finding_id"][-1] for each in second["data"]], second["next"]) == (["0"], None)
    assert listed[0][0].scope.airlines == ("UA",)
    assert listed[0][0].severities == ("warning",)
    cursor = first["next"].partition("cursor=")[2]
    assert client.get(f"/v1/events?limit=2&cursor={cursor}").status_code == 400


def test_one_finding_and_the_formats_of_a_list(listed, as_key):
    assert as_key("bbbbbbbb").get(f"/v1/events/{5:016x}").json()["numbers"] == {"flights": 30.0}
    assert as_key("bbbbbbbb").get("/v1/events/nothing").status_code == 422
    text = as_key("bbbbbbbb", Accept="text/csv").get("/v1/events").text
    assert text.splitlines()[0].startswith('"finding_id","pattern"')
    assert len(text.splitlines()) == 4
    arrow = as_key("bbbbbbbb", Accept="application/vnd.apache.arrow.stream").get("/v1/events").content
    assert pa.ipc.open_stream(io.BytesIO(arrow)).read_all()["numbers"].to_pylist() == ['{"flights":30.0}'] * 3


def test_a_producer_reads_no_findings(listed, as_key):
    assert as_key("cccccccc").get("/v1/events").status_code == 403
