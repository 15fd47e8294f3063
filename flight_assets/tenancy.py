"""Tenants: the scope of a caller, without which no query of the API runs (promise P10).

A flight belongs to the tenant that has its airline. The default scope has every airline, so a platform of one
organisation works without tenants. Pure: ``stores.access`` keeps tenants and keys.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

DEFAULT = "default"


class Role(StrEnum):
    """Roles of an API key, and so the rights of its caller."""

    READER = "reader"
    PRODUCER = "producer"
    OPERATOR = "operator"
    ADMIN = "admin"


@dataclass(frozen=True)
class Scope:
    """Flights that a caller may see and send: those of ``airlines``; None means every airline."""

    tenant: str
    airlines: tuple[str, ...] | None

    @property
    def is_everything(self) -> bool:
        """Return True if no flight is hidden from the caller."""
        return self.airlines is None

    def allows(self, airline: str) -> bool:
        """Return True if flights of this airline belong to the scope."""
        return self.airlines is None or airline in self.airlines

    def narrowed(self, airlines: Iterable[str]) -> tuple[str, ...] | None:
        """Return the airlines to ask for when a caller names some: only those in scope; None means every one.

        No named airline means all of the scope. An empty tuple matches no flight.
        """
        named = tuple(sorted(airlines))
        if self.airlines is None:
            return named or None
        return tuple(code for code in named if code in self.airlines) if named else self.airlines


EVERYTHING = Scope(DEFAULT, None)
