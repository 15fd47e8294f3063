"""Errors that a user sees as one sentence.

FlightsError            a problem, reported in one sentence that names the remedy
├── StartTimeout        a service did not come up within its start time
├── StoreFull           a store has no room left
└── StoreUnavailable    a store did not answer at its address
"""

from __future__ import annotations


class FlightsError(Exception):
    """Failure that the message explains; the command line prints it without a trace."""


class StartTimeout(FlightsError):
    """Service that did not come up within its start time. On a busy machine, another try may help."""


class StoreFull(FlightsError):
    """No room in a store."""


class StoreUnavailable(FlightsError):
    """No answer from a store."""

    def __init__(self, store: str, address: str, remedy: str) -> None:
        super().__init__(f"{store} does not answer at {address}: {remedy}")
        self.store = store
        self.address = address
