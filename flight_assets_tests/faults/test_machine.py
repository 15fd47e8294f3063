"""A few steps of the state machine; `make faults` takes many."""

from __future__ import annotations

import pytest

from flight_assets_tests.faults.machine import play


@pytest.mark.integration
@pytest.mark.timeout(1_200)
def test_any_order_of_producing_processing_and_killing_leaves_the_stores_right(target, sent):
    play(target, sent, examples=1, steps=4, names=("mongod", "redis"))
