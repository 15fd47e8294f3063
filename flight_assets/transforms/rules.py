"""Rules of the contract for one message with typed fields.

The first broken rule, in the order of ``Reason``, counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from math import isnan
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from flight_assets.contracts.message import (
    FORBIDDEN_DELAYS,
    MESSAGE_FIELDS,
    MIN_DELAY_MINUTES,
    SCHEMA_VERSIONS,
    EventType,
    Reason,
)
from flight_assets.contracts.units import (
    AIRLINE,
    AIRPORT,
    CLOCK_TOLERANCE,
    FLIGHT_ID,
    FLIGHT_ID_V1,
    IATA_AIRLINE,
    IATA_AIRPORT,
    TIME_IN_FLIGHT_ID,
)
from flight_assets.transforms.fields import day
from flight_assets.transforms.messages import Rejected, printable

if TYPE_CHECKING:
    from flight_assets.transforms.fields import Typed
    from flight_assets.transforms.inputs import Checks

VERSION_WITH_ICAO = 3
_FORMS = {
    version: tuple(
        re.compile(form, re.ASCII)
        for form in (
            (FLIGHT_ID, AIRLINE, AIRPORT)
            if version >= VERSION_WITH_ICAO
            else (FLIGHT_ID_V1, IATA_AIRLINE, IATA_AIRPORT)
        )
    )
    for version in SCHEMA_VERSIONS
}
_KINDS = {
    version: frozenset(
        kind.value for kind in EventType if kind is not EventType.DIVERTED or version >= VERSION_WITH_ICAO
    )
    for version in SCHEMA_VERSIONS
}
_UNDERWAY = frozenset((EventType.DEPARTED.value, EventType.DIVERTED.value, EventType.ARRIVED.value))
_SCHEDULED, _ARRIVED = EventType.SCHEDULED.value, EventType.ARRIVED.value
_BOUNDS = tuple(
    (each.name, each.low, each.high, each.low_open, each.high_open)
    for each in MESSAGE_FIELDS
    if each.is_bounded
)
_FORBIDDEN = {kind.value: names for kind, names in FORBIDDEN_DELAYS.items()}
_EARLIEST = timedelta(minutes=MIN_DELAY_MINUTES)
_DATE_DIGITS = 8
_AIRLINE_FORM, _AIRPORT_FORM = 1, 2
_AIRPORT_FIELDS = ("origin", "destination", "diverted_to")


@dataclass
class Codes:
    """Local departure time, None if the zone is unknown; and unknown codes, as ``field:code``."""

    local_departure: datetime | None = None
    unknown: list[str] = field(default_factory=list)


def codes_of(typed: Typed, taken_at: datetime, checks: Checks) -> Codes:
    """Return the codes of a valid message.

    Args:
        typed: its fields.
        taken_at: broker time, UTC.
        checks: the reference data, and the rule for unknown codes.

    Raises:
        Rejected: the message breaks a rule; the first one in the order of ``Reason``.
    """
    values = typed.values
    version = values["schema_version"]
    if version is not None and version not in SCHEMA_VERSIONS:
        raise Rejected(Reason.UNSUPPORTED_SCHEMA_VERSION, str(version))
    if typed.missing:
        raise Rejected(Reason.MISSING_FIELD, ", ".join(typed.missing))
    version = typed.version or SCHEMA_VERSIONS[0]
    _raise(Reason.WRONG_TYPE, typed.wrong + _wrong_texts(typed, version))
    flight_date = scheduled_date(values["flight_id"])
    codes = _look_up(values, version, flight_date, checks)
    _raise(Reason.OUT_OF_RANGE, _out_of_range(values))
    _raise(
        Reason.INCONSISTENT_TIMES, _inconsistent_times(values, flight_date, codes.local_departure, taken_at)
    )
    return codes


def _raise(reason: Reason, details: list[str]) -> None:
    if details:
        raise Rejected(reason, ", ".join(details))


def flight_day(flight_id: str) -> date | None:
    """Return the scheduled local date in a flight_id; None if there is none."""
    begin = flight_id.rfind("-") + 1
    return day(flight_id[begin : begin + _DATE_DIGITS])


def scheduled_date(flight_id: str) -> date:
    """Return the scheduled local date in a valid flight_id. Raises ValueError if it has none."""
    found = flight_day(flight_id)
    if found is None:
        raise ValueError(f"{flight_id} ends in no date")
    return found


@lru_cache(maxsize=1 << 16)
def _has_form(flight_id: str, version: int) -> bool:
    """Return whether a flight_id has the form of a contract version, and a valid date."""
    return _FORMS[version][0].fullmatch(flight_id) is not None and flight_day(flight_id) is not None


@lru_cache(maxsize=1 << 14)
def _is_code(code: str, version: int, form: int) -> bool:
    return _FORMS[version][form].fullmatch(code) is not None


def _wrong_texts(typed: Typed, version: int) -> list[str]:
    values, found = typed.values, []
    kind, flight_id = values["event_type"], values["flight_id"]
    if kind is not None and kind not in _KINDS[version]:
        found.append(f"event_type is {printable(kind)}")
    if flight_id is None:
        return found
    airline, number, origin = values["airline"], values["flight_number"], values["origin"]
    if not _has_form(flight_id, version):
        # An airline that is no code has a reason of its own, and so has no id of the right form.
        is_of_no_code = (
            airline is not None
            and not _is_code(airline, version, _AIRLINE_FORM)
            and flight_id.startswith(airline)
        )
        return (
            found
            if is_of_no_code and flight_day(flight_id)
            else [*found, "flight_id is not carrier + number-origin-date"]
        )
    if airline is not None and number is not None and origin is not None:
        prefix = f"{airline}{number}{values['flight_suffix'] or ''}-{origin}-"
        if not flight_id.startswith(prefix):
            found.append("flight_id is another flight's")
    return found


def _look_up(values: dict[str, Any], version: int, flight_date: date, checks: Checks) -> Codes:
    """Return the codes. Raises Rejected for a malformed code, or for an unknown one if these are rejected."""
    codes = Codes()
    airline = values["airline"]
    if not _is_code(airline, version, _AIRLINE_FORM):
        raise Rejected(Reason.UNKNOWN_AIRLINE, f"airline {printable(airline)} is no code")
    if not checks.reference.has_airline(airline, flight_date):
        codes.unknown.append(f"airline:{airline}")
        if checks.reject_unknown:
            raise Rejected(Reason.UNKNOWN_AIRLINE, f"airline {airline}")
    refused = []
    for name in _AIRPORT_FIELDS:
        code = values[name]
        if code is None:
            continue
        if not _is_code(code, version, _AIRPORT_FORM):
            refused.append(f"{name} {printable(code)} is no code")
            continue
        zone = checks.reference.zone(code, flight_date)
        if zone is None:
            codes.unknown.append(f"{name}:{code}")
            if checks.reject_unknown:
                refused.append(f"{name} {code}")
        elif name == "origin":
            codes.local_departure = local_time(values["scheduled_departure"], zone)
    _raise(Reason.UNKNOWN_AIRPORT, refused)
    return codes


@lru_cache(maxsize=1 << 16)
def local_time(moment: datetime, zone: str) -> datetime:
    """Return the local time of a moment in a time zone."""
    return moment.astimezone(ZoneInfo(zone))


def _out_of_range(values: dict[str, Any]) -> list[str]:
    found = []
    for name, low, high, low_open, high_open in _BOUNDS:
        value = values[name]
        if value is None or low < value < high:
            continue
        if (
            (value <= low if low_open else value < low)
            or (value >= high if high_open else value > high)
            or isnan(value)
        ):
            found.append(f"{name} = {value}")
    if values["origin"] == values["destination"]:
        found.append("destination = origin")
    return found


def _inconsistent_times(
    values: dict[str, Any], flight_date: date, local: datetime | None, taken_at: datetime
) -> list[str]:
    departure, arrival, happened, kind = (
        values["scheduled_departure"],
        values["scheduled_arrival"],
        values["timestamp"],
        values["event_type"],
    )
    found = []
    if arrival is not None and arrival <= departure:
        found.append("scheduled_arrival is not after scheduled_departure")
    if kind == _SCHEDULED and happened > departure:
        found.append("scheduled after its departure")
    if kind in _UNDERWAY and happened < departure + _EARLIEST:
        found.append("departed or arrived more than a day before its departure")
    if not _is_on_its_date(values["flight_id"], flight_date, departure, local):
        there = f" ({local:%Y-%m-%d %H:%M} local time)" if local else ""
        found.append(f"scheduled_departure{there} is not on the date in flight_id")
    for name in _FORBIDDEN[kind]:
        if values[name] is not None:
            found.append(f"{name} in a {kind} event")
    if happened > taken_at + CLOCK_TOLERANCE:
        found.append(
            f"timestamp is {(happened - taken_at) // timedelta(minutes=1)} minutes after Kafka took the"
            " message"
        )
    if kind == _ARRIVED and _arrived_too_early(values, departure, arrival, happened):
        found.append("arrived before it departed")
    return found


def _is_on_its_date(flight_id: str, flight_date: date, departure: datetime, local: datetime | None) -> bool:
    """Return whether the planned departure matches the date, and the time if any, in the id.

    Without a zone, a day off passes, and any time of the day.
    """
    planned = flight_id[flight_id.rfind("-") + 1 + _DATE_DIGITS :][1:]
    if local is None:
        return abs((departure.date() - flight_date).days) <= 1 and (not planned or _is_time(planned))
    is_that_time = not planned or planned == local.strftime(TIME_IN_FLIGHT_ID)
    return local.date() == flight_date and is_that_time


def _is_time(digits: str) -> bool:
    """Return whether four digits are a time of the day."""
    return digits < "2400" and digits[2:] < "60"


def _arrived_too_early(
    values: dict[str, Any], departure: datetime, arrival: datetime | None, happened: datetime
) -> bool:
    left = departure + timedelta(minutes=values["departure_delay_minutes"])
    arrived = (
        happened
        if arrival is None
        else min(happened, arrival + timedelta(minutes=values["arrival_delay_minutes"]))
    )
    return arrived < left
