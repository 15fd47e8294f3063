"""The quiet platform with a model, and what these tests have sent to it."""

from __future__ import annotations

import pytest

from flight_assets_tests.faults import victims
from flight_assets_tests.faults.truth import Sent
from flight_assets_tests.integration.conftest import stop_schedules, train_small_model


@pytest.fixture(scope="session")
def target(platform):
    """The settings of a platform whose schedule is stopped and whose services all work."""
    stop_schedules(platform)
    train_small_model(platform)
    victims.wait_for(platform)
    return platform


@pytest.fixture(scope="session")
def sent() -> Sent:
    return Sent()
