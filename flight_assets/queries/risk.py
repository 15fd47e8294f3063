"""Risk board: flights that have not departed, by the probability that they arrive late or by expected delay.

Shaping is pure. The query reads MongoDB only.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from flight_assets.contracts import current_forecasts
from flight_assets.contracts.departed import ANNOUNCED
from flight_assets.contracts.message import EventType
from flight_assets.contracts.tables import PREDICTED_COLUMNS
from flight_assets.queries.filters import Filters
from flight_assets.queries.flight_list import Wanted, row
from flight_assets.queries.rotation import CHAIN, by_aircraft, inbound_leg, legs_of_aircraft
from flight_assets.stores.mongo import FLIGHTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pymongo.database import Database

    from flight_assets.queries.rotation import Inbound
    from flight_assets.tenancy import Scope

    Mongo = Database[dict[str, Any]]

Document = dict[str, Any]
RiskOrder = Literal["probability", "delay"]
DEADLINE_MS = 10_000
# A flight that should have left longer ago is no longer on a board of the next hours.
OVERDUE = timedelta(hours=3)
# Flights that are compared: the next ones to leave.
COMPARED_AT_MOST = 20_000
CURRENT_FORECASTS = current_forecasts.COLLECTION
_RANKED_BY: dict[RiskOrder, str] = {
    "probability": "probability_delayed_15",
    "delay": "predicted_mean_delay_minutes",
}
# Columns beside those of the fact table.
RISK_COLUMNS = (
    *("minutes_to_departure", "forecast_stage", "forecast_made_at", "reasons"),
    *("inbound_flight_id", "inbound_state", "inbound_arrival", "inbound_delay_minutes"),
    *("turnaround_minutes", "planned_turnaround_minutes"),
)
# Columns of the board on a page.
BOARD_COLUMNS = (
    *("flight_id", "airline", "origin", "destination", "scheduled_departure", "minutes_to_departure"),
    *("probability_delayed_15", "predicted_mean_delay_minutes", "predicted_delay_minutes"),
    *("interval_low_minutes", "interval_high_minutes", "reasons", "domain_mark", "domain_reasons"),
    *("tail_number", "inbound_flight_id", "inbound_state", "inbound_delay_minutes", "turnaround_minutes"),
    *("maker", "model_version", "forecast_stage", "forecast_made_at"),
)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Asked:
    """Flights that a board shows.

    - ``wanted``: filters by airline, airport, route, tail and time of the newest event
    - ``hours_ahead``: planned to leave so many hours after the data's newest moment, or overdue for OVERDUE
      at most; None sets no bound
    - ``since``: Kafka told of it at this moment or later; None sets no bound
    - ``least``: least probability of an arrival 15 minutes late or more, 0–1
    - ``order``: what is greatest comes first
    - ``limit``: flights at most
    """

    wanted: Wanted = field(default_factory=Wanted)
    hours_ahead: float | None = None
    since: datetime | None = None
    least: float = 0.0
    order: RiskOrder = "probability"
    limit: int = 100

    def within(self, scope: Scope) -> Asked:
        """Return the same request, limited to the flights of a scope."""
        filters = replace(self.wanted.filters, scope=scope)
        return replace(self, wanted=replace(self.wanted, filters=filters))

    def mongo(self, now: datetime) -> dict[str, Any]:
        """Return the match of MongoDB at the data's moment ``now``."""
        match = self.wanted.mongo()
        if self.since is not None:
            match["ingestion_timestamp"] = {"$gte": self.since}
        if self.hours_ahead is not None:
            until = now + timedelta(hours=self.hours_ahead)
            match["scheduled_departure"] = {"$gte": now - OVERDUE, "$lte": until}
        # Last, so that no wanted state takes its place.
        return {**match, "event_type": EventType.SCHEDULED.value}


def newest_moment(db: Mongo, scope: Scope) -> datetime | None:
    """Return the time of the newest event of the flights in scope, UTC; None without any.

    "Now" of a board: replayed flights have their own time.
    """
    found = (
        db[FLIGHTS]
        .find(Filters(scope=scope).mongo(), {"timestamp": 1}, max_time_ms=DEADLINE_MS)
        .sort("timestamp", -1)
        .limit(1)
    )
    return next((each["timestamp"] for each in found), None)


def rows(db: Mongo, scope: Scope, asked: Asked) -> list[Document]:
    """Return rows of the fact table with RISK_COLUMNS, greatest risk first, of flights in scope only."""
    now = newest_moment(db, scope)
    if now is None:
        return []
    asked = asked.within(scope)
    names = ("prediction", "scheduled_departure")
    found = (
        db[FLIGHTS]
        .find(asked.mongo(now), dict.fromkeys(names, 1), max_time_ms=DEADLINE_MS)
        .sort("scheduled_departure", 1)
        .limit(COMPARED_AT_MOST)
    )
    slim = {each["_id"]: each for each in found}
    forecasts = forecasts_of(slim, _current(db, list(slim)))
    chosen = ranked(forecasts, asked)
    documents = {each["_id"]: each for each in db[FLIGHTS].find({"_id": {"$in": chosen}})}
    tails = {each["tail_number"] for each in documents.values() if each.get("tail_number")}
    legs = _legs(db, scope, tails, documents)
    return [
        shaped(
            documents[flight],
            forecasts[flight],
            legs.get(documents[flight].get("tail_number") or "", []),
            now,
        )
        for flight in chosen
        # A flight may have been archived since it was chosen.
        if flight in documents
    ]


def board(db: Mongo, scope: Scope, asked: Asked) -> pd.DataFrame:
    """One row per flight in scope, greatest risk first: BOARD_COLUMNS. Times UTC, delays in minutes.

    ``attrs["now"]``: the data's newest moment as text; absent without flights.
    """
    found = rows(db, scope, asked)
    frame = pd.DataFrame(found, columns=list(BOARD_COLUMNS))
    for name in ("scheduled_departure", "forecast_made_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    frame["reasons"] = ["; ".join(each) for each in frame["reasons"]]
    if found:
        first = found[0]
        now = first["scheduled_departure"] - first["minutes_to_departure"] * _MINUTE
        frame.attrs["now"] = now.isoformat(timespec="seconds")
    return frame


def forecasts_of(documents: Mapping[str, Document], current: Mapping[str, Document]) -> dict[str, Document]:
    """Return the forecast to show by flight: the current one, or else the one of the announcement.

    The only place that decides which counts. Fields: PREDICTED_COLUMNS, stage, made_at and reasons (texts).
    A current forecast has no confidence. Flights without any forecast are left out.
    """
    found: dict[str, Document] = {}
    for flight, document in documents.items():
        newer, frozen = current.get(flight), document.get("prediction")
        source = newer or frozen
        if source is None or source.get("probability_delayed_15") is None:
            continue
        found[flight] = {
            **{name: source.get(name) for name in PREDICTED_COLUMNS},
            "stage": newer["stage"] if newer else ANNOUNCED,
            "made_at": newer["made_at"] if newer else None,
            "reasons": list(newer.get("reasons") or ()) if newer else [],
        }
    return found


def ranked(forecasts: Mapping[str, Document], asked: Asked) -> list[str]:
    """Return the flights that reach the least probability, greatest risk first; ties by flight_id."""
    name = _RANKED_BY[asked.order]

    def place(flight: str) -> tuple[float, str]:
        value = forecasts[flight].get(name)
        return (-value if value is not None else float("inf"), flight)

    likely = [one for one, said in forecasts.items() if said["probability_delayed_15"] >= asked.least]
    return sorted(likely, key=place)[: asked.limit]


def shaped(document: Document, forecast: Document, legs: Sequence[Document], now: datetime) -> Document:
    """Return a row of the fact table with the forecast to show, and RISK_COLUMNS."""
    said = {name: forecast[name] for name in PREDICTED_COLUMNS}
    inbound = inbound_leg(document, legs, now)
    return {
        **row({**document, "prediction": said}),
        "minutes_to_departure": (document["scheduled_departure"] - now) / _MINUTE,
        "forecast_stage": forecast["stage"],
        "forecast_made_at": forecast["made_at"] or document["timestamp"],
        "reasons": in_words(forecast, inbound, (document["scheduled_departure"] - now) / _MINUTE),
        "inbound_flight_id": inbound and inbound.flight_id,
        "inbound_state": inbound and inbound.state,
        "inbound_arrival": inbound and inbound.arrival,
        "inbound_delay_minutes": inbound and inbound.delay_minutes,
        "turnaround_minutes": inbound and inbound.left_minutes,
        "planned_turnaround_minutes": inbound and inbound.planned_minutes,
    }


def in_words(forecast: Document, inbound: Inbound | None, ahead_minutes: float) -> list[str]:
    """Return the reasons of a place on the board, one text each, most telling first.

    Those that came with the forecast are followed by facts that the platform sees: a flight overdue, the
    inbound leg, a forecast by the baseline.
    """
    said = list(forecast["reasons"])
    if ahead_minutes < 0:
        said.append(f"{round(-ahead_minutes)} min after its planned departure and not departed")
    if inbound is not None and not any("inbound" in one for one in forecast["reasons"]):
        said.append(inbound.words())
    if forecast.get("maker") == "baseline":
        said.append("the running baseline forecasts: airline, origin and hour only")
    return said


def _current(db: Mongo, flights: Sequence[str]) -> dict[str, Document]:
    """Return the current forecasts of these flights by id."""
    found = db[CURRENT_FORECASTS].find({"_id": {"$in": list(flights)}}, max_time_ms=DEADLINE_MS)
    return {each["_id"]: each for each in found}


def _legs(
    db: Mongo, scope: Scope, tails: set[str], documents: Mapping[str, Document]
) -> dict[str, list[Document]]:
    """Return by tail number the legs that may bring the aircraft of these flights."""
    if not tails:
        return {}
    departures = [each["scheduled_departure"] for each in documents.values()]
    return by_aircraft(legs_of_aircraft(db, scope, tails, min(departures) - CHAIN, max(departures)))
