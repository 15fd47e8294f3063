"""The number of calls to Spark that a batch makes: most of a small batch's time is theirs, whatever
its size.
"""

from __future__ import annotations

from flight_assets.bench.batch_profile import tracing
from flight_assets_tests.integration.conftest import flights_with_defects

# So that none is added unseen.
MOST_CALLS = 15


def test_a_batch_makes_few_calls_to_spark_whatever_its_size(send, process, count):
    for seed, events in ((401, 200), (416, 2_000)):
        send(flights_with_defects(seed=seed, count=events))
        with tracing() as trace:
            process()
        found = {place: len(spans) for place, spans in sorted(trace.spans.items())}
        assert trace.calls() <= MOST_CALLS, found
    count()
