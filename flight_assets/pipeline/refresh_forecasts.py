"""Forecast announced flights again, from everything that is known at the data's clock."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from flight_assets.contracts.current_forecasts import AHEAD, COLLECTION, FORECAST_FIELDS, MAKER_FIELDS
from flight_assets.contracts.departed import ANNOUNCED
from flight_assets.contracts.message import WEATHER_PREFIXES, EventType
from flight_assets.contracts.tables import STAGING, arrow_schema
from flight_assets.delay_model.errors import ModelError
from flight_assets.delay_model.serving.reasons import reasons_in_words
from flight_assets.pipeline.current_forecasts import (
    current_document,
    follow,
    forecast_departed,
    usable_model,
)
from flight_assets.pipeline.inference import DAYS_BACK, FLAT_COLUMNS, flat_table, predictions_of
from flight_assets.stores import current_forecasts, mongo

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from flight_assets.pipeline.live.history import EventHistory
    from flight_assets.pipeline.trust_now import NewestState
    from flight_assets.stores.mongo_documents import Document
    from flight_assets.stores.warehouse import TableFiles

# A flight that has not left so long after its plan is no longer followed.
OVERDUE_AT_MOST = timedelta(hours=12)
# The model learned from flights an hour ahead. Further ahead the running baseline forecasts: see the docs.
MODEL_AHEAD = timedelta(minutes=90)
# Flights that one refresh takes, those whose forecast is oldest first.
MOST_FLIGHTS = 5_000
# Beside the pipeline, the look-back is read anew each time. With more events only live processing refreshes.
MOST_EVENTS = 2_000_000
_COLUMNS = (
    "event_id",
    *(name for name in STAGING.column_names if name in {*FLAT_COLUMNS, *WEATHER_PREFIXES, "hour"}),
)
_EVENT = pa.struct([arrow_schema(STAGING).field(name) for name in dict.fromkeys(_COLUMNS)])


class Refresher:
    """Forecasts announced flights again, with one history of events and one trust state."""

    def __init__(self, history: EventHistory, trust: NewestState, pinned_sha256: str = "") -> None:
        self._history, self._trust, self._pinned = history, trust, pinned_sha256

    def refresh(self, db: Any, version: str | None, most: int = MOST_FLIGHTS) -> int:  # noqa: ANN401 - pymongo's generic type
        """Forecast flights that depart within AHEAD of the data's clock. Returns their number.

        The clock is the time of the newest event in the hot store; only events before it count. Flights that
        have departed or ended meanwhile are followed up. Without a usable model nothing is done.
        """
        newest = newest_event(db)
        model = usable_model(version, self._pinned)
        if newest is None or model is None or version is None:
            return 0
        clock = newest["timestamp"]
        current_forecasts.forget_before(db, clock)
        ids = _oldest(db, clock, most)
        flights = list(db[mongo.FLIGHTS].find({"_id": {"$in": ids}, "event_type": EventType.SCHEDULED.value}))
        others = set(ids) - {each["_id"] for each in flights}
        if others:
            follow(db, others, model)
        if not flights:
            return 0
        try:
            documents = self._forecast(flights, clock, newest["ingestion_timestamp"], version)
        except ModelError:  # the step predictions reports it
            return 0
        current_forecasts.write(db, documents)
        return len(documents)

    def _forecast(
        self, flights: Sequence[Document], clock: datetime, known_at: datetime, version: str
    ) -> list[Document]:
        table = events_at(flights, clock)
        features = self._history.features(table)
        is_far = [each["scheduled_departure"] - clock > MODEL_AHEAD for each in flights]
        of_model = predictions_of(version, features, self._pinned)
        said = self._trust.forecasts(version, table, of_model, is_far)
        late = self._if_they_left_now(flights, clock, version)
        names = (*FORECAST_FIELDS, *MAKER_FIELDS)
        documents = []
        for flight, forecast, words, floor in zip(
            flights, said, reasons_in_words(features), late, strict=True
        ):
            kept = {name: forecast[name] for name in names}
            if floor:
                # It leaves now at the earliest, so its delay is at least the one of the stage departed.
                kept |= {name: max(kept[name], floor[name]) for name in FORECAST_FIELDS}
                words = [_overdue_in_words(flight, clock), *words]
            documents.append(current_document(flight, ANNOUNCED, kept, clock, known_at, words))
        return documents

    def _if_they_left_now(
        self, flights: Sequence[Document], clock: datetime, version: str
    ) -> list[Document | None]:
        """Return the forecast of each overdue flight if it left at the clock; None for the others."""
        overdue = [
            each | {"departure_delay_minutes": (clock - each["scheduled_departure"]) / timedelta(minutes=1)}
            for each in flights
            if each["scheduled_departure"] < clock
        ]
        said = forecast_departed(overdue, usable_model(version, self._pinned))
        by_flight = dict(zip((each["_id"] for each in overdue), said, strict=False))
        return [by_flight.get(each["_id"]) for each in flights]


def newest_event(db: Any) -> Document | None:  # noqa: ANN401 - pymongo's generic type
    """Return timestamp and ingestion_timestamp of the hot store's newest event; None without flights."""
    found: Document | None = db[mongo.FLIGHTS].find_one(
        sort=[("timestamp", -1)], projection=["timestamp", "ingestion_timestamp"]
    )
    return found


def look_back_rows(tables: TableFiles, clock: datetime) -> int:
    """Return the number of events in the files that a refresh at this time reads, from the table's log."""
    days = [clock.date() - timedelta(days=back) for back in range(DAYS_BACK, -1, -1)]
    return sum(file.rows for file in tables.log(STAGING).files() if file.may_have("timestamp", days))


def _oldest(db: Any, clock: datetime, most: int) -> list[str]:  # noqa: ANN401 - pymongo's generic type
    """Return the announced flights to forecast again, the oldest forecast first, then the next departure."""
    span = {"$gte": clock - OVERDUE_AT_MOST, "$lte": clock + AHEAD}
    query = {"stage": ANNOUNCED, "scheduled_departure": span, "made_at": {"$lt": clock}}
    found = db[COLLECTION].find(query, ["_id"]).sort([("made_at", 1), ("scheduled_departure", 1)])
    return [each["_id"] for each in found.limit(most)]


def events_at(flights: Sequence[Document], clock: datetime) -> pa.Table:
    """Return FLAT_COLUMNS and hour of the newest announcements, as if they were made at the clock."""
    events = pa.array([_event(each, clock) for each in flights], _EVENT)
    return flat_table(events).append_column("hour", events.field("hour"))


def _event(flight: Document, clock: datetime) -> Document:
    """Return the flight's newest announcement as if it were made at the clock."""
    return {name: flight.get(name) for name in (field.name for field in _EVENT)} | {"timestamp": clock}


def _overdue_in_words(flight: Document, clock: datetime) -> str:
    minutes = (clock - flight["scheduled_departure"]) / timedelta(minutes=1)
    return f"it should have left {minutes:.0f} minutes ago"
