"""Forecasts of a flight for the case that its inbound leg leaves later than is known now.

Only the events of one aircraft are changed. The function of training and serving builds from them the
features that follow from its own events. All other features, the champion and the trust state are those of a
forecast on demand. Nothing is stored.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from flight_assets.contracts.feature_windows import PAST_COLUMNS
from flight_assets.contracts.features import AIRCRAFT_FEATURES
from flight_assets.contracts.message import EventType
from flight_assets.contracts.tables import STAGING, arrow_schema
from flight_assets.delay_model.features.build import build_features
from flight_assets.errors import FlightsError
from flight_assets.pipeline.inference import DAYS_BACK, FLAT_COLUMNS
from flight_assets.queries import rotation
from flight_assets.queries.filters import Filters
from flight_assets.queries.forecast_now import flat_events
from flight_assets.queries.risk import DEADLINE_MS, newest_moment
from flight_assets.stores import mongo, mongo_documents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pymongo.database import Database

    from flight_assets.queries.forecast_now import Forecaster
    from flight_assets.tenancy import Scope

    Mongo = Database[dict[str, Any]]

# Minutes that the inbound leg leaves later than is known now.
LATER_MINUTES = tuple(range(0, 190, 10))
COLUMNS = (
    *("later_minutes", "inbound_delay_minutes", "turnaround_minutes", "probability_delayed_15"),
    *("predicted_mean_delay_minutes", "predicted_delay_minutes"),
    *("interval_low_minutes", "interval_high_minutes", "maker", "model_version"),
)
_SECOND, _MINUTE = timedelta(seconds=1), timedelta(minutes=1)
_STAGED = arrow_schema(STAGING)


def later_inbound(
    forecaster: Forecaster, db: Mongo, scope: Scope, flight_id: str, later: Sequence[int] = LATER_MINUTES
) -> pd.DataFrame:
    """Return one forecast per value of ``later``, in order: COLUMNS; delays in minutes.

    ``attrs["inbound"]`` says in words what is known of the inbound leg. A flight without a leg that can
    still be late has no row, and the reason is in ``attrs["refusal"]``.

    Raises:
        FlightsError: there is no usable model, or a store does not answer.
    """
    try:
        return _curve(forecaster, db, scope, flight_id, later)
    except _NothingToChange as reason:
        frame = pd.DataFrame(columns=list(COLUMNS))
        frame.attrs["refusal"] = str(reason)
        return frame


class _NothingToChange(FlightsError):
    """Flight without an inbound leg that can still be late."""


def _curve(
    forecaster: Forecaster, db: Mongo, scope: Scope, flight_id: str, later: Sequence[int]
) -> pd.DataFrame:
    found = db[mongo.FLIGHTS].find_one(
        {"_id": flight_id, **Filters(scope=scope).mongo()}, max_time_ms=DEADLINE_MS
    )
    now = newest_moment(db, scope)
    if found is None or now is None or found["event_type"] != EventType.SCHEDULED:
        raise _NothingToChange("the flight has departed, or is not here any more")
    flight = mongo_documents.flight(found)
    departure = flight["scheduled_departure"]
    legs = (
        rotation.legs_of_aircraft(db, scope, [flight["tail_number"]], departure - rotation.CHAIN, departure)
        if flight.get("tail_number")
        else []
    )
    inbound = rotation.inbound_leg(flight, legs, now)
    if inbound is None:
        raise _NothingToChange("no inbound leg of its aircraft is known")
    if inbound.state == EventType.ARRIVED:
        raise _NothingToChange(f"its inbound leg has arrived: {inbound.words()}")
    # An event of this very moment counts, as it is known.
    moment = min(now + _SECOND, max(departure, flight["timestamp"]))
    event = announcement(flight, moment)
    features = forecaster.features(event)
    days = {moment.date() - timedelta(days=back) for back in range(DAYS_BACK + 1)}
    past = _of_aircraft(forecaster.past_events(days), flight["tail_number"])
    delays = [inbound.delay_minutes + minutes for minutes in later]
    own = aircraft_features(event, past, inbound.flight_id, delays)
    if own is None:
        raise _NothingToChange(f"the events of {inbound.flight_id} are not in the warehouse yet")
    said = forecaster.forecast_from(pa.concat_tables([event] * len(delays)), with_aircraft(features, own))
    frame = pd.DataFrame(said).assign(
        later_minutes=list(later),
        inbound_delay_minutes=delays,
        turnaround_minutes=own["inbound_slack_minutes"].to_numpy(float),
    )[list(COLUMNS)]
    frame.attrs["inbound"] = inbound.words()
    return frame


def announcement(flight: dict[str, Any], moment: datetime) -> pa.Table:
    """Return a flight's ``scheduled`` event at another moment: one row, columns of the staged table.

    ``flight``: a row of the fact table.
    """
    values = {name: flight.get(name) for name in _STAGED.names} | {"timestamp": moment}
    return pa.Table.from_pylist([values], schema=_STAGED)


def aircraft_features(
    event: pa.Table, past: pd.DataFrame, inbound_id: str, delays: Sequence[float]
) -> pd.DataFrame | None:
    """Return AIRCRAFT_FEATURES of a flight, one row per departure delay of its inbound leg, in minutes.

    Each case is an aircraft of its own in one call, so that no case sees another. The moment of a case is the
    one at which the leg's departure is known, or that of the event if it is later. Returns None if the leg
    was not announced.

    ``past``: PAST_COLUMNS of the aircraft's events.
    """
    legs = past[past["flight_id"] == inbound_id]
    announced = legs[legs["event_type"] == EventType.SCHEDULED.value]
    if announced.empty:
        return None
    plan = announced.iloc[0]
    ended = (EventType.DEPARTED.value, EventType.ARRIVED.value)
    known = past.drop(legs.index[legs["event_type"].isin(ended)])
    flights = flat_events(event).select(FLAT_COLUMNS).to_pandas()
    left = [plan["scheduled_departure"] + minutes * _MINUTE for minutes in delays]
    cases, events = [], []
    for case, (minutes, at) in enumerate(zip(delays, left, strict=True)):
        departed = plan.to_frame().T.assign(
            event_type=EventType.DEPARTED.value, timestamp=at, departure_delay_minutes=float(minutes)
        )
        moment = flights["timestamp"].clip(lower=at + _SECOND)
        cases.append(_case(flights.assign(timestamp=moment), case))
        events.append(_case(pd.concat([known, departed.astype(known.dtypes)], ignore_index=True), case))
    built = build_features(pd.concat(cases, ignore_index=True), pd.concat(events, ignore_index=True))
    return built[list(AIRCRAFT_FEATURES)]


def with_aircraft(features: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """Return the features of one flight once per row of ``own``, with the columns of ``own`` in place."""
    repeated = features.iloc[[0] * len(own)].reset_index(drop=True)
    return repeated.assign(**{name: own[name].to_numpy() for name in own})[list(features.columns)]


def _case(frame: pd.DataFrame, case: int) -> pd.DataFrame:
    names = {name: frame[name] + f"#{case}" for name in ("flight_id", "tail_number")}
    return frame.assign(**names)


def _of_aircraft(events: pa.Table, tail: str) -> pd.DataFrame:
    found: pd.DataFrame = (
        events.select(list(PAST_COLUMNS)).filter(pc.equal(events["tail_number"], tail)).to_pandas()
    )
    return found
