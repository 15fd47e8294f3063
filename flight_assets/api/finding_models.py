"""Shape of a complex event in the API's answers."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
from pydantic import BaseModel, Field

from flight_assets.events.model import Severity

_TIME, _TEXT = pa.timestamp("us", "UTC"), pa.string()
FINDING_SCHEMA = [
    *((name, _TEXT) for name in ("finding_id", "pattern", "severity", "key", "airport", "airline")),
    ("explanation", _TEXT),
    *((name, _TIME) for name in ("started", "raised", "updated")),
    ("changes", pa.int32()),
    ("numbers", _TEXT),
    ("cleared", _TIME),
    ("cleared_because", _TEXT),
    ("flight_ids", pa.list_(_TEXT)),
    ("is_confirmed", pa.bool_()),
    ("is_partial", pa.bool_()),
]


class FindingRow(BaseModel):
    """One occurrence of a pattern. Times are event times, UTC. Stable id."""

    finding_id: str
    pattern: str
    severity: Severity
    key: str | None = Field(description="subject: a flight, an aircraft, or airport:, airline: or source:")
    airport: str = Field(description="place; empty without one")
    airline: str = Field(description="empty without one")
    explanation: str = Field(description="two sentences with the numbers")
    started: datetime = Field(description="since when the pattern holds")
    raised: datetime = Field(description="when it was found")
    updated: datetime = Field(description="newest change")
    changes: int = Field(description="number of changes, 1 = raised")
    numbers: dict[str, float] = Field(description="numbers behind it; units are in their names")
    cleared: datetime | None = Field(description="when it ended; null while it is open")
    cleared_because: str | None
    flight_ids: list[str] = Field(description="flights concerned that the caller may see, at most 50")
    is_confirmed: bool = Field(description="false: live processing has found it, its batch has not come yet")
    is_partial: bool = Field(description="it also concerns flights of others: those and numbers are left out")


class FindingPage(BaseModel):
    """Page of complex events."""

    data: list[FindingRow]
    next: str | None = Field(description="path of the next page; null on the last one")
