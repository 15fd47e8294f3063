"""The naive pipeline and the floor do the same work as a batch: they hold the platform's rows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flight_assets.bench.batch_spec import send_batch
from flight_assets.bench.sides import FLOOR, NAIVE, three_sides
from flight_assets.contracts.tables import PREDICTIONS, STAGING

pytestmark = pytest.mark.integration
MESSAGES = 400


@pytest.mark.usefixtures("small_model")
def test_the_naive_pipeline_and_the_floor_make_the_platforms_rows(quiet_platform, process):
    process()
    with three_sides(quiet_platform) as sides:
        spec = send_batch(quiet_platform, MESSAGES)
        process()
        assert sides.warehouse.count_of_batch(STAGING, spec.batch_id) < MESSAGES, (
            "without bad messages nothing is told apart"
        )
        assert sides.warehouse.count_of_batch(PREDICTIONS, spec.batch_id) > 0
        sides.naive(spec)
        sides.floor(spec)
        assert sides.differences(spec, NAIVE) == []
        assert sides.differences(spec, FLOOR) == []
        # A side that has not taken every message does not pass for one that has.
        first, end = spec.spans[0]
        sides.floor(replace(spec, spans={**spec.spans, 0: (first, end - 20)}))
        assert any("fact_flight_events" in difference for difference in sides.differences(spec, FLOOR))
