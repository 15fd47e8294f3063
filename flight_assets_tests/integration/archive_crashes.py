"""Things that happen while an archive runs."""

from __future__ import annotations

import pytest

from flight_assets.archive.record import State
from flight_assets_tests.integration.cold_store import Crash

pytestmark = pytest.mark.integration
TRIES = 20
PAUSE_S = 3.0


def at(state: State, action):
    """Something that happens the first time a state is reached."""
    happened = []

    def reached(record) -> None:
        if record.state is state and not happened:
            happened.append(state)
            action(record)

    return reached


def crash(_record) -> None:
    raise Crash
