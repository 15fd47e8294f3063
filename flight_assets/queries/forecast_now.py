"""Forecasts on demand, with the path of live processing: same check, features, champion and trust state.

Nothing is stored.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from flight_assets.contracts.message import (
    MESSAGE_FIELDS,
    SCHEMA_VERSIONS,
    WEATHER_FIELDS,
    WEATHER_PREFIXES,
    EventType,
)
from flight_assets.contracts.tables import PREDICTED_COLUMNS
from flight_assets.delay_model.errors import ModelError
from flight_assets.pipeline.inference import FLAT_COLUMNS, flat_table, predictions_of
from flight_assets.pipeline.live.history import EventHistory
from flight_assets.pipeline.live.lane import events_of_days
from flight_assets.pipeline.trust_now import NewestState
from flight_assets.stores import outage
from flight_assets.stores.models import ModelStore
from flight_assets.stores.warehouse import TableFiles

if TYPE_CHECKING:
    import pandas as pd

    from flight_assets.queries.clients import Clients

# Events that come after the look-back was read count in a forecast after this time at the latest.
HISTORY_S = 60.0
CHAMPION_S = 5.0
_TIMES = ("timestamp", "scheduled_departure", "scheduled_arrival")


class Forecaster:
    """Forecasts of this process. It keeps the champion's name and the look-back events for a short while."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._lock = threading.Lock()
        self._history: tuple[float, EventHistory] | None = None
        self._champion: tuple[float, str | None] | None = None
        self._trust: NewestState | None = None

    def forecast(self, events: pa.Table) -> list[dict[str, Any]]:
        """Return one forecast per checked ``scheduled`` event: flight_id and PREDICTED_COLUMNS, in order.

        Raises:
            ModelError: there is no champion, or it cannot be used.
            StoreUnavailable: HDFS.
        """
        return self.forecast_from(events, self.features(events))

    def features(self, events: pa.Table) -> pd.DataFrame:
        """Return the features of checked ``scheduled`` events, each from the events before it.

        Raises StoreUnavailable.
        """
        with self._lock:
            return self._history_now().features(flat_events(events).select(FLAT_COLUMNS))

    def forecast_from(self, events: pa.Table, features: pd.DataFrame) -> list[dict[str, Any]]:
        """Return the forecasts of ``forecast`` for these features, one row per event.

        Raises:
            ModelError: there is no champion, or it cannot be used.
            StoreUnavailable: HDFS.
        """
        champion = self._champion_now()
        if champion is None:
            raise ModelError("there is no delay model: run `flights model train`")
        of_model = predictions_of(champion, features, self._clients.settings.pickled_model_sha256)
        # One state serves all requests, and turning it to a champion changes it.
        with self._lock:
            if self._trust is None:
                self._trust = NewestState(self._clients.hdfs())
            said = self._trust.forecasts(champion, events, of_model)
        ids = events["flight_id"].to_pylist()
        return [
            {"flight_id": flight, **{name: prediction[name] for name in PREDICTED_COLUMNS}}
            for flight, prediction in zip(ids, said, strict=True)
        ]

    def past_events(self, days: set[date]) -> pa.Table:
        """Return the events of these UTC days: PAST_COLUMNS. Raises StoreUnavailable."""
        return self._load(days)

    def _champion_now(self) -> str | None:
        if self._champion is None or time.monotonic() > self._champion[0]:
            champion = ModelStore(self._clients.hdfs()).champion()
            self._champion = (time.monotonic() + CHAMPION_S, champion)
        return self._champion[1]

    def _history_now(self) -> EventHistory:
        if self._history is None or time.monotonic() > self._history[0]:
            self._history = (time.monotonic() + HISTORY_S, EventHistory(self._load))
        return self._history[1]

    def _load(self, days: set[date]) -> pa.Table:
        outage.refuse_silent(self._clients.settings, "HDFS NameNode")
        return events_of_days(TableFiles(self._clients.settings), days)


def flat_events(events: pa.Table) -> pa.Table:
    """Return staged events with one column per weather value."""
    columns = [events[name].combine_chunks() for name in events.column_names]
    return flat_table(pa.StructArray.from_arrays(columns, names=events.column_names))


def message_of(flight: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return the ``scheduled`` message that a known flight would have with some other values.

    ``flight``: a row of the fact table. Its delays are left out: they are not known when a forecast is made.
    """
    names = [field.name for field in MESSAGE_FIELDS]
    message = {name: flight[name] for name in names if flight.get(name) is not None}
    message |= {"schema_version": SCHEMA_VERSIONS[-1], "event_type": EventType.SCHEDULED.value}
    message["timestamp"] = min(flight["timestamp"], flight["scheduled_departure"])
    message |= changes
    for name in _TIMES:
        if isinstance(message.get(name), datetime):
            message[name] = message[name].astimezone(UTC).isoformat().replace("+00:00", "Z")
    for place in WEATHER_PREFIXES:
        weather = message.get(place)
        if weather is not None:
            message[place] = {field.name: weather.get(field.name) for field in WEATHER_FIELDS}
    for name in ("departure_delay_minutes", "arrival_delay_minutes", "diverted_to"):
        message.pop(name, None)
    return message
