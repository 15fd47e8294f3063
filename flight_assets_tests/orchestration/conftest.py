"""A real Dagster instance in a temporary folder, empty at the start of each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dagster import DagsterInstance


@pytest.fixture(scope="session")
def local_instance() -> Iterator[DagsterInstance]:
    """Return the instance of the session: making its databases takes longer than wiping them."""
    with DagsterInstance.local_temp() as temporary:
        yield temporary


@pytest.fixture
def instance(local_instance: DagsterInstance) -> Iterator[DagsterInstance]:
    """Return that instance without runs, events and ticks.

    A schedule is evaluated against one with an address.
    """
    local_instance.wipe()
    return local_instance
