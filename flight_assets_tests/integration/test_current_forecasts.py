"""A forecast follows its flight: rows of open flights in MongoDB, from a batch, live, and refreshed."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial

import pytest

from flight_assets.contracts.current_forecasts import COLLECTION, FORECAST_FIELDS
from flight_assets.contracts.departed import ANNOUNCED, DEPARTED
from flight_assets.contracts.feature_windows import PAST_COLUMNS
from flight_assets.pipeline.current_forecasts import follow, usable_model
from flight_assets.pipeline.live.history import EventHistory
from flight_assets.pipeline.live.lane import events_of_days
from flight_assets.pipeline.refresh_forecasts import Refresher
from flight_assets.pipeline.trust_now import NewestState
from flight_assets.producer.synthetic import synthetic_messages
from flight_assets.queries.stages import stages_compared
from flight_assets.stores import kafka, mongo
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.models import ModelStore
from flight_assets.stores.warehouse import TableFiles
from flight_assets_tests.integration.conftest import ANCHOR

pytestmark = pytest.mark.integration
OWN = "current_forecasts_test"


def own_messages(settings) -> list[tuple[dict, object]]:
    """Messages of flights that nobody has seen, with their content."""
    seed = sum(kafka.end_offsets(settings).values())
    anchor = ANCHOR + timedelta(days=60 + seed % 60)
    return [(json.loads(each.value), each) for each in synthetic_messages(seed, 1_200, anchor)]


def rows(db, ids) -> dict[str, dict]:
    return {each["_id"]: each for each in db[COLLECTION].find({"_id": {"$in": list(ids)}})}


def refreshed(settings, db, history: EventHistory, version: str) -> dict[str, dict]:
    """The rows after a refresh with this history; they were those of the announcement before."""
    ids = [each["_id"] for each in db[mongo.FLIGHTS].find()]
    db[COLLECTION].delete_many({})
    follow(db, ids, usable_model(version, ""))
    assert Refresher(history, NewestState(Hdfs(settings))).refresh(db, version) > 0
    return rows(db, ids)


def rows_are_right(found, documents, flights, left, version) -> None:
    """Each open flight has one row, at its stage."""
    assert {name for name, row in found.items() if row["stage"] == DEPARTED} == left
    assert set(found) == set(flights)
    for document in documents:
        row, prediction = found[document["_id"]], document["prediction"]
        assert row["made_at"] == document["timestamp"]
        assert row["model_version"] == version
        same = all(row[name] == prediction[name] for name in FORECAST_FIELDS)
        assert same == (row["stage"] == ANNOUNCED)


def a_refresh_is_right(settings, own, documents, found, left, version) -> None:
    """A refresh forecasts announced flights at the clock of the newest event, whoever read the events."""
    tables = TableFiles(settings)
    of_files = EventHistory(partial(events_of_days, tables))
    days = {each["timestamp"].date() - timedelta(days=back) for each in documents for back in range(4)}
    past = events_of_days(tables, days)
    grown = EventHistory(lambda _: past.slice(0, 0))
    for start in range(0, past.num_rows, 97):
        grown.add(past.slice(start, 97).select(PAST_COLUMNS))
    newer = refreshed(settings, own, of_files, version)
    assert newer == refreshed(settings, own, grown, version)
    clock = max(each["timestamp"] for each in documents)
    again = {name for name, row in newer.items() if row["stage"] == ANNOUNCED and row["made_at"] == clock}
    assert again
    assert {name: newer[name] for name in left} == {name: found[name] for name in left}
    # Flights that should have left long ago are no longer followed.
    overdue = [row for name, row in newer.items() if name in again and row["scheduled_departure"] < clock]
    assert overdue
    assert all("should have left" in row["reasons"][0] for row in overdue)


def test_a_forecast_follows_its_flight_until_it_ends(quiet_platform, small_model, house, send, process):
    messages = own_messages(quiet_platform)
    flights = sorted({content["flight_id"] for content, _ in messages})
    left = {content["flight_id"] for content, _ in messages if content["event_type"] == "departed"}
    left = set(sorted(left)[::2])
    early = [
        each
        for content, each in messages
        if content["event_type"] == "scheduled"
        or (content["event_type"] == "departed" and content["flight_id"] in left)
    ]
    send(early)
    process()
    with mongo.connect(quiet_platform) as client:
        db, own = client[quiet_platform.mongo_database], client[OWN]
        client.drop_database(OWN)
        found = rows(db, flights)
        documents = list(db[mongo.FLIGHTS].find({"_id": {"$in": flights}}))
        rows_are_right(found, documents, flights, left, small_model)
        # The live path writes the same rows of the same documents.
        own[mongo.FLIGHTS].insert_many(documents)
        follow(own, flights, usable_model(small_model, ""))
        assert rows(own, flights) == found

        a_refresh_is_right(quiet_platform, own, documents, found, left, small_model)

        # A flight that ends loses its row, and figures of both stages are over the same flights.
        send([each for content, each in messages if each not in early])
        process()
        still = {
            each["_id"]
            for each in db[mongo.FLIGHTS].find(
                {"_id": {"$in": flights}, "event_type": {"$in": ["scheduled", "departed"]}}
            )
        }
        assert set(rows(db, flights)) == still
        assert len(still) < len(flights)
        client.drop_database(OWN)
    days = [each["flight_date"] for each in documents]
    figures = stages_compared(house, ModelStore(Hdfs(quiet_platform)), *map(_date, (min(days), max(days))))
    stages = figures[figures["model_version"] == small_model].set_index("stage")
    assert list(stages.index) == [ANNOUNCED, DEPARTED]
    assert stages["flights"].nunique() == 1
    assert stages.loc[DEPARTED, "mae"] < stages.loc[ANNOUNCED, "mae"]


def _date(text: str):
    from datetime import date

    return date.fromisoformat(text)
