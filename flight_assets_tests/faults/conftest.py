"""The platform that is struck, and the messages that these tests have sent to it."""

from __future__ import annotations

import pytest

from flight_assets.settings import Settings
from flight_assets_tests.faults import victims
from flight_assets_tests.faults.truth import Sent


@pytest.fixture(scope="session")
def target(quiet_platform: Settings, small_model: str) -> Settings:
    """Return the settings of a platform with a model and stopped automation.

    `verify` compares every store with the whole topic, messages of earlier tests included, so the platform
    need not be empty.
    """
    victims.wait_for(quiet_platform)
    return quiet_platform


@pytest.fixture(scope="session")
def sent() -> Sent:
    return Sent()
