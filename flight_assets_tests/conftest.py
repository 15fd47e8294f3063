"""The embedded platform of the test session: a folder and ports of its own, started once, when the first test
asks for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from unittest.mock import patch

import pytest

from flight_assets_tests.told import say
from flight_assets_tests.webhook import Receiver, serving

# Below the ports that the system gives to clients (from 32768). Another offset lets the tests of two
# checkouts run side by side.
PORT_OFFSET = int(os.environ.get("FLIGHTS_TEST_PORT_OFFSET", "5200"))
# Tests of another kind of platform are collected for that kind only: `make cluster-test`, `make secure-test`,
# `make upgrade-test`.
KINDS = {
    "cluster": os.environ.get("FLIGHTS_PROFILE") == "cluster",
    "secure": os.environ.get("FLIGHTS_SECURED") == "true",
    "upgrade": "FLIGHTS_TEST_UPGRADE_FROM" in os.environ,
}
# Each process of pytest-xdist has a folder of its own, so unit tests may run beside a session that has a
# platform.
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
KIND = next((name for name, is_it in KINDS.items() if is_it), "tests")
HOME = Path(__file__).resolve().parent.parent / f".flights-{KIND}{WORKER and '-' + WORKER}"
collect_ignore = [name for name, is_it in KINDS.items() if not is_it]
# Tests of the reverse proxy need Debian's nginx: `make proxy-test`.
if os.environ.get("FLIGHTS_TEST_PROXY") != "1":
    collect_ignore.append("deploy/test_proxy.py")
# A test that asks for one of these fixtures, itself or through another fixture, is marked as an integration
# test.
SERVICES = {"platform", "redis_port"}
# Marks of the tests that run last, the very last first.
LATE = ("forgets_messages", "leaves_much", "restarts_spark")
# Pytest's own, and what libraries set when they are first imported or used: polars, Streamlit, pyspark.
NOT_OF_A_TEST = ("PYTEST_CURRENT_TEST", "_RJEM_MALLOC_CONF", "MPLBACKEND", "SPARK_CONNECT_MODE_ENABLED")


def pytest_configure() -> None:
    """Point every setting at the test platform before anything reads one."""
    os.environ["FLIGHTS_HOME"] = str(HOME)
    os.environ["FLIGHTS_PORT_OFFSET"] = str(PORT_OFFSET)
    os.environ["DAGSTER_HOME"] = str(HOME / "dagster")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark a test that needs a service, and as slow where it is not `core`."""
    if SERVICES.intersection(getattr(item, "fixturenames", ())):
        item.add_marker("integration")
    if item.get_closest_marker("integration") and not item.get_closest_marker("core"):
        item.add_marker("slow")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put all tests in their order.

    Tests that count the stores from nothing run first. Those of faults follow, because they compare every
    store with the whole topic, and later tests change stores by hand. Tests that end the shared Spark
    session, fill the stores or delete messages run last.
    """

    def place(item: pytest.Item) -> tuple[bool, ...]:
        late = [item.get_closest_marker(name) is not None for name in LATE]
        early = [item.get_closest_marker("empty_platform") is not None, "faults" in item.path.parts]
        return (*late, *(not is_it for is_it in early))

    items.sort(key=place)


@pytest.fixture(autouse=True)
def _environment_is_left_as_it_was() -> Iterator[None]:
    """A variable that a test leaves behind reaches every process that later tests start."""
    before = _environment()
    yield
    assert _environment() == before


@pytest.fixture(autouse=True)
def _session_of_the_next_spark(request: pytest.FixtureRequest) -> Iterator[None]:
    """Open a Spark session for the tests that follow one which has ended it."""
    if not request.node.get_closest_marker("restarts_spark"):
        yield
        return
    from flight_assets.stores.warehouse import open_warehouse

    house, platform = (request.getfixturevalue(name) for name in ("house", "platform"))
    yield
    house.spark = open_warehouse(platform).spark


@pytest.fixture
def own_environment() -> Iterator[None]:
    """Undo all that a test, or a client in it, writes into the environment."""
    with patch.dict(os.environ):
        yield


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in NOT_OF_A_TEST}


@pytest.fixture
def webhook() -> Iterator[Receiver]:
    """A webhook that keeps what it is sent."""
    with serving(Receiver()) as server:
        yield server


@pytest.fixture(scope="session")
def settings():
    from flight_assets.settings import get_settings

    return get_settings()


@pytest.fixture(scope="session")
def platform(settings) -> Iterator:
    """The settings of a running platform with empty stores.

    FLIGHTS_TEST_KEEP=1 leaves it running for the next session.
    """
    from flight_assets.platform import launcher
    from flight_assets.platform.bootstrap import bootstrap

    tell = partial(say, "platform")
    keep = os.environ.get("FLIGHTS_TEST_KEEP") == "1"
    if not keep:
        launcher.reset(settings, tell)
    launcher.up(settings, tell, lambda done, total: tell(f"jar {done} of {total}"))
    bootstrap(settings, tell)
    yield settings
    if not keep:
        launcher.reset(settings, tell)


@pytest.fixture(scope="session")
def quiet_platform(platform):
    """The platform with its schedules and sensors stopped, so that runs are the tests' own."""
    from flight_assets_tests.integration.conftest import stop_automation

    stop_automation(platform)
    return platform


@pytest.fixture(scope="session")
def small_model(quiet_platform) -> str:
    """The version of the champion of a quiet platform, a small model."""
    from flight_assets_tests.integration.conftest import train_small_model

    return train_small_model(quiet_platform)


@pytest.fixture(scope="session")
def house(platform):
    """The warehouse of the test platform."""
    from flight_assets.stores.warehouse import open_warehouse

    return open_warehouse(platform)


@pytest.fixture(scope="session")
def spark(house):
    """Its Spark session."""
    return house.spark
