"""Live path from the topic to MongoDB, with the steps of a batch: check, drop duplicates, predict, upsert.

A batch reads known events and look-back events from the warehouse. The live path keeps both in memory: it
loads them from the tables' files at the start and adds what it takes. Nothing here asks Spark.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from flight_assets import logs
from flight_assets.contracts.feature_windows import PAST_COLUMNS
from flight_assets.contracts.message import FLAT_WEATHER, EventType
from flight_assets.contracts.tables import STAGING, arrow_schema
from flight_assets.delay_model.errors import ModelError
from flight_assets.pipeline import early_predictions, event_dedup
from flight_assets.pipeline.current_forecasts import follow, usable_model
from flight_assets.pipeline.inference import FLAT_COLUMNS, predictions_of
from flight_assets.pipeline.live.history import EventHistory
from flight_assets.pipeline.live.known_ids import KnownIds
from flight_assets.pipeline.refresh_forecasts import Refresher
from flight_assets.pipeline.trust_now import NewestState
from flight_assets.pipeline.write_hot import rows_of
from flight_assets.provenance import Ledger
from flight_assets.stores import mongo, mongo_documents, mongo_writes
from flight_assets.stores.dimensions import read_reference
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.models import ModelStore
from flight_assets.stores.warehouse import TableFiles
from flight_assets.transforms.check import check
from flight_assets.transforms.flights import flight_of, with_prediction
from flight_assets.transforms.inputs import Checks

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from flight_assets.settings import Settings

    OnEvents = Callable[[pa.Table, dict[str, "Event | None"], Mapping[int, int]], None]

_log = logs.get_logger("live")
Event = dict[str, Any]
STEP = "staged_events"
# Order in which Kafka took the messages; the first of several is the first in this order.
ARRIVAL = [(name, "ascending") for name in ("ingestion_timestamp", "kafka_partition", "kafka_offset")]
# Airlines and airports change rarely, by a run that a user starts.
CHECKS_EVERY_S = 600.0
# The champion's name for current forecasts is read again after this time.
CHAMPION_S = 5.0
# Flights whose forecast is refreshed at a time, so that messages wait only shortly.
REFRESHED_AT_ONCE = 200


@contextmanager
def open_lane(settings: Settings) -> Iterator[Lane]:
    """Yield a lane that begins with the first message that no batch has staged. Raises StoreUnavailable."""
    mongo.ensure_collection(settings)
    with mongo.database(settings) as db:
        yield Lane(settings, TableFiles(settings), db)


class Lane:
    """Live path with its state.

    ``begins_at``: first offset to read by partition; missing partitions start at their earliest offset.
    """

    def __init__(self, settings: Settings, tables: TableFiles, db: Any) -> None:  # noqa: ANN401 - pymongo's generic type
        self._settings, self._tables, self.db = settings, tables, db
        hdfs = Hdfs(settings)
        self._ledger, self._models, self._trust = Ledger(hdfs), ModelStore(hdfs), NewestState(hdfs)
        self.begins_at = self._staged()
        self._reached = dict(self.begins_at)
        self._known = KnownIds(event_dedup.recent_hashes(tables))
        self._history = EventHistory(partial(events_of_days, tables))
        # Gets the new valid events of every partition, known forecasts by flight, and the offsets reached.
        self.on_events: OnEvents = lambda _events, _forecasts, _reached: None
        self._refresher = Refresher(self._history, self._trust, settings.pickled_model_sha256)
        self._champion: tuple[float, str | None] = (0.0, None)
        self._problems: dict[str, str] = {}
        self._read_checks()

    def take(self, raw: pa.Table, partitions: Collection[int] | None = None) -> None:
        """Take valid new messages, rows of ``kafka.following``, and write those of ``partitions`` to MongoDB.

        Without ``partitions``, all are written. Those of other partitions are looked back on.
        A flight that neither MongoDB has nor these messages announce waits for its batch: it may be in the
        warehouse or in an archive.
        """
        if not raw.num_rows:
            return
        events = self._checked(raw).sort_by(ARRIVAL)
        new = events = events.filter(pa.array(self._known.take_new(events["event_hash"].to_numpy())))
        said: dict[str, Event | None] = {}
        if new.num_rows:
            self._history.add(new.select(PAST_COLUMNS))
            if partitions is not None:
                own = pa.array(sorted(partitions), events["kafka_partition"].type)
                events = events.filter(pc.is_in(events["kafka_partition"], own))
            if events.num_rows:
                said = self._write(events)
        for partition, offset in zip(
            raw["kafka_partition"].to_pylist(), raw["kafka_offset"].to_pylist(), strict=True
        ):
            self._reached[partition] = max(self._reached.get(partition, 0), offset + 1)
        if new.num_rows:
            self.on_events(new, said, self._reached)

    def is_overtaken(self) -> bool:
        """Return whether batches have staged messages that have not come through here."""
        return any(self._reached.get(partition, 0) < end for partition, end in self._staged().items())

    def _staged(self) -> dict[int, int]:
        return {int(partition): end for partition, end in self._ledger.next_offsets(STEP).items()}

    def _checked(self, raw: pa.Table) -> pa.Table:
        """Return the valid events: columns of ``staging_flight_events``, FLAT_COLUMNS and ``event_hash``."""
        if time.monotonic() > self._checks_until:
            self._read_checks()
        found = check(
            raw.append_column("batch_id", pa.array([mongo_documents.UNCONFIRMED] * raw.num_rows, pa.int64())),
            self._checks,
        )
        valid = pa.Table.from_batches([found]).filter(pc.is_null(found["reason"]))
        for name, (place, value) in FLAT_WEATHER.items():
            valid = valid.append_column(name, valid[place].combine_chunks().field(value))
        return valid

    def _read_checks(self) -> None:
        self._checks = Checks.of(self._settings, read_reference(self._tables))
        self._checks_until = time.monotonic() + CHECKS_EVERY_S

    def _write(self, events: pa.Table) -> dict[str, Event | None]:
        """Write the newest state of each flight. Returns the forecasts by flight, None without one."""
        rows = rows_of(events.select(STAGING.column_names).combine_chunks().to_batches()[0])
        by_flight: dict[str, list[Event]] = {}
        for row in rows:
            by_flight.setdefault(row["flight_id"], []).append(row)
        known = self._known_flights(set(by_flight))
        shown = {flight: document.get("prediction") for flight, document in known.items()}
        said = shown | self._predict(events, _announced(rows, shown))
        states = [
            with_prediction(
                flight_of(some, known.get(flight)) | {"batch_id": mongo_documents.UNCONFIRMED}, said[flight]
            )
            for flight, some in by_flight.items()
            if flight in said
        ]
        mongo_writes.upsert_newer(
            self.db[mongo.FLIGHTS], [mongo_documents.document(state) for state in states]
        )
        with self._beside_the_flights("follow"):
            model = usable_model(self._champion_now(), self._settings.pickled_model_sha256)
            follow(self.db, [state["flight_id"] for state in states], model)
        return said

    @property
    def forecasts_problem(self) -> str | None:
        """Return why the newest current forecasts were not written; None if they were."""
        return next(iter(self._problems.values()), None)

    @contextmanager
    def _beside_the_flights(self, work: str) -> Iterator[None]:
        """Note a failure of work with current forecasts, which never keeps flights from being shown."""
        try:
            yield
        except Exception as error:
            self._problems[work] = f"{type(error).__name__}: {error}"
            _log.warning("current forecasts failed", work=work, problem=self._problems[work])
        else:
            self._problems.pop(work, None)

    def refresh(self) -> None:
        """Forecast some announced flights again, the oldest forecasts first."""
        with self._beside_the_flights("refresh"):
            self._refresher.refresh(self.db, self._champion_now(), REFRESHED_AT_ONCE)

    def _champion_now(self) -> str | None:
        if time.monotonic() > self._champion[0]:
            self._champion = (time.monotonic() + CHAMPION_S, self._models.champion())
        return self._champion[1]

    def _known_flights(self, flights: set[str]) -> dict[str, Event]:
        """Return by id the flights that MongoDB has, as rows for ``flight_of``, with ``prediction``."""
        return {
            document["_id"]: mongo_documents.flight(document)
            for document in self.db[mongo.FLIGHTS].find({"_id": {"$in": list(flights)}})
        }

    def _predict(self, events: pa.Table, announced: list[int]) -> dict[str, Event | None]:
        """Return by flight the prediction of those that these rows announce; None without a usable model."""
        if not announced:
            return {}
        rows = events.take(announced)
        flights = rows["flight_id"].to_pylist()
        champion = self._models.champion()
        if champion is None:
            return dict.fromkeys(flights)
        features = self._history.features(rows.select(FLAT_COLUMNS))
        try:
            of_model = predictions_of(champion, features, self._settings.pickled_model_sha256)
        except ModelError:  # the batch of these flights reports it and waits for a usable model
            return dict.fromkeys(flights)
        said = self._trust.forecasts(champion, rows, of_model)
        about = rows.select(["flight_id", "event_id", "kafka_partition", "kafka_offset"]).to_pylist()
        return dict(
            early_predictions.keep_first(
                self.db, [{**row, **prediction} for row, prediction in zip(about, said, strict=True)]
            )
        )


def events_of_days(tables: TableFiles, days: set[date]) -> pa.Table:
    """Return the look-back events of these UTC days: PAST_COLUMNS."""
    schema = arrow_schema(STAGING)
    past = pa.schema([schema.field(name) for name in PAST_COLUMNS])
    return tables.log(STAGING).read_days("timestamp", days, past)


def _announced(rows: list[Event], shown: dict[str, Event | None]) -> list[int]:
    """Return the rows, in order of arrival, that announce a new flight: its first, if ``scheduled``."""
    first: dict[str, int] = {}
    for index, row in enumerate(rows):
        first.setdefault(row["flight_id"], index)
    return [
        index
        for flight, index in first.items()
        if flight not in shown and rows[index]["event_type"] == EventType.SCHEDULED.value
    ]
