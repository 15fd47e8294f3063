"""Each page reads the assets that its lineage names. Stores are recorders, so no platform is needed."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any
from unittest.mock import MagicMock

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import data
from flight_assets.archive.record import Archives
from flight_assets.contracts.lineage import PAGES, TABLE_ASSETS, TOPIC
from flight_assets.contracts.tables import Table
from flight_assets.errors import StoreUnavailable
from flight_assets.provenance import Ledger
from flight_assets.queries.cache import Answer, Query
from flight_assets.queries.clients import Clients
from flight_assets.settings import Settings
from flight_assets.stores import kafka, mongo
from flight_assets_tests.dashboard.conftest import APP_DIR

DATABASE = "recorded_dw"
DAY = date(2026, 6, 1)
# A page needs these to go on asking: days with flights, a flight, a reason.
CANNED = {
    "history.extent": pd.DataFrame({"first": [DAY], "last": [DAY], "flights": [1]}),
    "history.largest_errors": pd.DataFrame(
        {"flight_id": ["UA1-EWR-20260601"], "airline": ["UA"], "flight_date": [DAY]}
    ),
    "events.timeline": pd.DataFrame(
        {
            name: []
            for name in ("finding_id", "pattern", "key", "flight_ids", "explanation", "started", "cleared")
        }
    ),
    "history.flights": pd.DataFrame({"flight_id": ["UA1-EWR-20260601"]}),
    "quality.quarantine_by_reason": pd.DataFrame({"reason": ["not_json"], "messages": [1]}),
}
ROUTE = [("airline", "UA"), ("origin", "EWR"), ("destination", "IAH")]
# Every state of a page that reads other stores than its first one.
STATES: dict[str, list[dict[str, Any]]] = {
    "overview": [{}],
    "streaming": [
        {},
        {"streaming_source": "warehouse"},
        {"streaming_source": "warehouse", "streaming_period": "hour"},
    ],
    "history": [
        {},
        {"history_path": ROUTE},
        {"history_period": "hour"},
        {"history_export": "single flights"},
    ],
    "prediction": [{}, {"risk_flight": "UA1-EWR-20260601"}],
    "quality": [{}],
    "operations": [{}],
}


class Recorder:
    """The assets that were read."""

    def __init__(self) -> None:
        self.assets: set[str] = set()

    def table(self, name: str) -> None:
        asset = TABLE_ASSETS[name]
        if asset:
            self.assets.add(asset)

    def collections(self) -> MagicMock:
        """Return a database that notes which asset writes the collection that is read."""
        database = MagicMock()

        def collection(name: str) -> MagicMock:
            self.assets.add("complex_events" if name == mongo.FINDINGS else "mongo_hot")
            return MagicMock()

        database.__getitem__.side_effect = collection
        return database

    def down(self, asset: str) -> Callable[..., None]:
        """Return a function that records the asset and then behaves like a store that is down."""

        def refuse(*_args: object, **_words: object) -> None:
            self.assets.add(asset)
            raise StoreUnavailable(asset, "nowhere", "it only records")

        return refuse


class RecordingWarehouse:
    """A warehouse that notes the tables of each query and has no rows."""

    database = DATABASE

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.spark = MagicMock()

    def name(self, table: Table) -> str:
        return f"{DATABASE}.{table.name}"

    def read(self, table: Table) -> MagicMock:
        self._recorder.table(table.name)
        return MagicMock()

    def ask(self, sql: str) -> pd.DataFrame:
        for name in re.findall(rf"{DATABASE}\.(\w+)", sql):
            self._recorder.table(name)
        return pd.DataFrame()


class RecordingCache:
    """A cache that has nothing, runs each query for its record, and answers with a canned frame or not at
    all.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def look(self, queries: list[Query]) -> list[None]:
        return [None] * len(queries)

    def missing(self, queries: list[Query]) -> list[Query]:
        return list(queries)

    def ask(self, query: Query) -> Answer:
        return self.find(query)

    def find(self, query: Query) -> Answer:
        try:
            query.compute()
        except Exception as error:  # a recorder has no rows, which no query must bear
            problem = error
        else:
            problem = LookupError("no rows")
        if query.name in CANNED:
            return Answer(CANNED[query.name], pd.Timestamp("2026-06-01T12:00Z"), "store")
        raise StoreUnavailable(query.name, "nowhere", f"it only records ({problem})")

    def close(self) -> None:
        pass


@pytest.fixture
def recorder(monkeypatch, closed_settings) -> Recorder:
    """Put recorders in the place of every store, and give what they note."""
    found = Recorder()
    clients = Clients(closed_settings.model_copy(update={"monitoring_timeout_s": 0.2}))
    clients.cache = RecordingCache(clients.settings)
    clients.on_warehouse = lambda compute: compute(RecordingWarehouse(found))
    clients.mongo = lambda: found.collections()
    clients.hdfs = MagicMock
    clients.kafka = found.down(TOPIC)
    monkeypatch.setattr(data, "clients", lambda: clients)
    # Forecasts on demand are made by the model from staged events.
    monkeypatch.setattr(
        data, "_forecaster", lambda _settings: found.assets.add("staged_events") or MagicMock()
    )
    monkeypatch.setattr(data, "ModelStore", lambda _hdfs: found.assets.add("delay_model") or MagicMock())
    monkeypatch.setattr(mongo, "database", found.down("mongo_hot"))
    monkeypatch.setattr(kafka, "end_offsets", lambda _settings: found.assets.add(TOPIC) or {})
    monkeypatch.setattr(kafka, "reader", found.down(TOPIC))
    monkeypatch.setattr(Ledger, "next_offsets", found.down("raw_kafka_batch"))
    monkeypatch.setattr(Ledger, "last_done", lambda _ledger, step: found.assets.add(step) or -1)
    monkeypatch.setattr(Archives, "records", found.down("hdfs_archive"))
    monkeypatch.setattr(Archives, "unfinished", found.down("hdfs_archive"))
    return found


@pytest.mark.parametrize("page", STATES)
def test_a_page_reads_the_assets_of_its_lineage(page, recorder):
    for state in STATES[page]:
        shown = AppTest.from_file(str(APP_DIR / f"app_pages/{page}.py"), default_timeout=120)
        for name, value in state.items():
            shown.session_state[name] = value
        shown.run()
        data.clients().pool.submit(int).result()
        assert not shown.exception
    data.clients().pool.shutdown(wait=True)
    _, declared = PAGES[f"dashboard_{page}"]
    assert recorder.assets == set(declared)


def test_every_page_is_visited_and_has_a_lineage():
    pages = {path.stem for path in (APP_DIR / "app_pages").glob("*.py")}
    assert pages == set(STATES) == {name.removeprefix("dashboard_") for name in PAGES}
