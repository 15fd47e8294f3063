"""A real Dagster instance in a temporary folder, empty at the start of each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dagster import DagsterInstance


@pytest.fixture(scope="session")
def local_instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterInstance]:
    """Return the instance of the session: making its databases takes longer than wiping them.

    One database holds the events of all runs. By default Dagster makes one for each run, which takes seconds.
    """
    one_database = {
        "module": "dagster._core.storage.event_log",
        "class": "ConsolidatedSqliteEventLogStorage",
        "config": {"base_dir": str(tmp_path_factory.mktemp("events"))},
    }
    with DagsterInstance.local_temp(overrides={"event_log_storage": one_database}) as temporary:
        yield temporary


@pytest.fixture
def instance(local_instance: DagsterInstance) -> Iterator[DagsterInstance]:
    """Return that instance without runs, events and ticks.

    A schedule is evaluated against one with an address.
    """
    local_instance.wipe()
    return local_instance
