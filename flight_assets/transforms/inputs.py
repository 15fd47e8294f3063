"""Inputs of a check besides the messages: reference data, and rules that the settings choose."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from flight_assets.contracts.delivery import DELIVERS, declared

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from flight_assets.settings import Settings

LOW_QUALITY_BELOW = 0.5


class Reference(Protocol):
    """Known airline and airport codes by day."""

    def has_airline(self, code: str, day: date) -> bool:
        """Return whether an airline uses this code on that day."""

    def zone(self, code: str, day: date) -> str | None:
        """Return the IANA time zone of the airport with this code on that day, or None."""


@dataclass(frozen=True)
class Checks:
    """Inputs of a check besides the message.

    - ``reject_unknown``: reject well-formed codes that the reference data lacks.
    - ``delivers``: optional values that each source delivers; others are held against all of them.
    - ``low_quality_below``: an event with a lower quality score is marked.
    """

    reference: Reference
    reject_unknown: bool = False
    delivers: Mapping[str, frozenset[str]] = field(default_factory=lambda: DELIVERS)
    low_quality_below: float = LOW_QUALITY_BELOW

    @classmethod
    def of(cls, settings: Settings, reference: Reference) -> Checks:
        """Return the checks that the settings ask for."""
        rejects = settings.unknown_codes == "reject"
        return cls(reference, rejects, declared(settings.source_delivers), settings.low_quality_below)
