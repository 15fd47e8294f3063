"""Current forecasts: follow each open flight from its announcement to its end, in MongoDB and not in Spark.

``follow`` takes flights whose documents have just been written: by a batch, or live. A departed flight gets
the forecast of that stage, which needs nothing but its document. The module ``refresh_forecasts`` forecasts
announced flights again. Both read the hot store, so batch and live say the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from flight_assets.contracts.current_forecasts import (
    EXPIRES,
    FLIGHT_FIELDS,
    FORECAST_FIELDS,
    KEPT_AFTER_ARRIVAL,
    LONGEST_FLIGHT,
    MAKER_FIELDS,
)
from flight_assets.contracts.departed import ANNOUNCED, DEPARTED, OF_ANNOUNCEMENT
from flight_assets.contracts.message import EventType
from flight_assets.delay_model.errors import ModelError
from flight_assets.delay_model.features.departed import PLAN_COLUMNS, departed_features
from flight_assets.delay_model.registry.model import DelayModel, TrainedModel
from flight_assets.delay_model.serving.departed import has_departed_stage, predict_departed
from flight_assets.stores import current_forecasts, mongo, mongo_writes

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from flight_assets.stores.mongo_documents import Document

OPEN = (EventType.SCHEDULED.value, EventType.DEPARTED.value)


@dataclass(frozen=True)
class Followed:
    """Numbers of flights: with a forecast of each stage, and without any because they have ended."""

    announced: int = 0
    departed: int = 0
    ended: int = 0


def usable_model(version: str | None, pinned_sha256: str) -> DelayModel | None:
    """Return a version, read once per process; None if there is none or it cannot be loaded."""
    from flight_assets.stores.models import load_once

    try:
        return load_once(version, pinned_sha256) if version else None
    except ModelError:  # the step predictions reports it
        return None


def follow(db: Any, flights: Collection[str], model: DelayModel | None) -> Followed:  # noqa: ANN401 - pymongo's generic type
    """Bring the forecasts of these flights up to their documents in the hot store. A repeat changes nothing.

    An announced flight shows its frozen forecast until the next refresh. A departed one gets none if the
    model has no such stage. The forecast of a flight that has ended is removed.
    """
    ids, found = list(flights), Followed()
    for start in range(0, len(ids), mongo_writes.WRITES_PER_BULK):
        some = ids[start : start + mongo_writes.WRITES_PER_BULK]
        query = {"_id": {"$in": some}, "event_type": {"$in": list(OPEN)}}
        part = _follow_documents(db, some, list(db[mongo.FLIGHTS].find(query)), model)
        found = Followed(*(a + b for a, b in zip(vars(found).values(), vars(part).values(), strict=True)))
    return found


def _follow_documents(
    db: Any,  # noqa: ANN401 - pymongo's generic type
    ids: Sequence[str],
    open_flights: Sequence[Document],
    model: DelayModel | None,
) -> Followed:
    flying = [each for each in open_flights if each["event_type"] == EventType.DEPARTED.value]
    waiting = [
        each
        for each in open_flights
        if each["event_type"] == EventType.SCHEDULED.value and each.get("prediction")
    ]
    departed = departed_documents(flying, model)
    announced = [as_announced(each) for each in waiting]
    current_forecasts.write(db, [*announced, *departed])
    gone = set(ids) - {each["_id"] for each in (*announced, *departed)}
    current_forecasts.remove(db, gone)
    return Followed(len(announced), len(departed), len(gone))


def as_announced(flight: Document) -> Document:
    """Return the current forecast of an announced flight: the frozen one."""
    prediction = flight["prediction"]
    return current_document(
        flight,
        ANNOUNCED,
        {name: prediction.get(name) for name in (*FORECAST_FIELDS, *MAKER_FIELDS)},
        flight["timestamp"],
        flight["ingestion_timestamp"],
    )


def departed_documents(flights: Sequence[Document], model: DelayModel | None) -> list[Document]:
    """Return the current forecasts of departed flights, from their documents alone."""
    flights = [each for each in flights if each.get("departure_delay_minutes") is not None]
    said = forecast_departed(flights, model)
    return (
        [
            current_document(
                flight,
                DEPARTED,
                forecast | _mark_of(flight),
                flight["timestamp"],
                flight["ingestion_timestamp"],
                [left_in_words(flight["departure_delay_minutes"])],
            )
            for flight, forecast in zip(flights, said, strict=True)
        ]
        if said
        else []
    )


def forecast_departed(flights: Sequence[Document], model: DelayModel | None) -> list[Document]:
    """Return FORECAST_FIELDS, model_version and maker of departed flights; none if the model cannot.

    ``flights``: rows with PLAN_COLUMNS and ``prediction``, the frozen forecast or None.
    """
    if not flights or not isinstance(model, TrainedModel) or not has_departed_stage(model):
        return []
    names = (*OF_ANNOUNCEMENT.values(), "maker")
    frozen = [each.get("prediction") or {} for each in flights]
    frame = pd.DataFrame({name: [each.get(name) for each in flights] for name in PLAN_COLUMNS})
    frame = frame.assign(**{name: [each.get(name) for each in frozen] for name in names})
    said = predict_departed(model, departed_features(frame)).astype(float)
    by = {"model_version": model.manifest.version, "maker": "model"}
    return [{str(name): value for name, value in row.items()} | by for row in said.to_dict("records")]


def _mark_of(flight: Document) -> Document:
    prediction = flight.get("prediction") or {}
    return {name: prediction.get(name) for name in ("domain_mark", "domain_reasons")}


def left_in_words(delay_minutes: float) -> str:
    """Return a sentence on the departure of a flight."""
    minutes = round(delay_minutes)
    if abs(minutes) < 1:
        return "it left on time"
    return f"it left {abs(minutes)} minutes {'late' if minutes > 0 else 'early'}"


def current_document(
    flight: Document,
    stage: str,
    forecast: Document,
    made_at: datetime,
    known_at: datetime,
    reasons: Sequence[str] = (),
) -> Document:
    """Return the document of ``current_forecasts``.

    Args:
        flight: the flight's document.
        stage: announced or departed.
        forecast: FORECAST_FIELDS and MAKER_FIELDS.
        made_at: time of the data at which it was made.
        known_at: when the broker took the newest event that it is made of.
        reasons: sentences.
    """
    arrival = flight.get("scheduled_arrival") or flight["scheduled_departure"] + LONGEST_FLIGHT
    remaining = max(arrival - made_at, timedelta())
    return {
        "_id": flight["_id"],
        "flight_id": flight["_id"],
        "stage": stage,
        "made_at": made_at,
        # By the broker's clock: flights of another year, replayed now, stay as long as those of today.
        EXPIRES: known_at + remaining + KEPT_AFTER_ARRIVAL,
        **{name: flight.get(name) for name in FLIGHT_FIELDS},
        **forecast,
        "maker": forecast.get("maker") or "model",
        "reasons": list(reasons),
    }
