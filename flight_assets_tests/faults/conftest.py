"""The quiet platform with a model, and what these tests have sent to it."""

from __future__ import annotations

import pytest

from flight_assets.platform import launcher
from flight_assets.platform.bootstrap import bootstrap
from flight_assets_tests.faults import victims
from flight_assets_tests.faults.truth import Sent
from flight_assets_tests.integration.conftest import stop_automation, train_small_model


def fresh(settings, say) -> None:
    """Start anew, empty, with a small model, and with automation that is stopped."""
    launcher.reset(settings, say)
    launcher.up(settings, say, lambda _done, _total: None)
    bootstrap(settings, say)
    stop_automation(settings)
    train_small_model(settings)


@pytest.fixture(scope="session")
def target(platform):
    """The settings of a platform that has nothing in it yet but a model: these tests compare whole stores with what they have sent.

    They run last, so what other tests have left is not missed.
    """
    fresh(platform, print)
    victims.wait_for(platform)
    return platform


@pytest.fixture(scope="session")
def sent() -> Sent:
    return Sent()
