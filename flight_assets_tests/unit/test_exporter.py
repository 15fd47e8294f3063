"""A scrape: what answers is served, what fails or hangs costs only itself."""

from __future__ import annotations

import threading
import time

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from flight_assets.errors import StoreUnavailable
from flight_assets.monitoring import exporter
from flight_assets.monitoring.exporter import StoreCollector
from flight_assets.monitoring.health import health
from flight_assets.monitoring.metrics import Sample, Source
from flight_assets.settings import Settings


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(_env_file=None, home=tmp_path)


def scrape(collector: StoreCollector) -> dict[tuple[str, tuple[str, ...]], float]:
    """A scrape through the client library and back."""
    registry = CollectorRegistry()
    registry.register(collector)
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


def good(_settings):
    yield Sample("flights_lag_messages", 7.0)
    yield Sample("flights_kafka_messages_total", 12.0, ("0",))


def bad(_settings):
    yield Sample("flights_mongodb_documents", 1.0)
    raise StoreUnavailable("MongoDB", "127.0.0.1:1", "start it")


def test_a_store_that_is_down_gives_up_0_and_none_of_its_samples(settings) -> None:
    found = scrape(StoreCollector(settings, [Source("kafka", 5, good), Source("mongodb", 5, bad)]))
    assert found["flights_store_up", ("kafka",)] == 1
    assert found["flights_store_up", ("mongodb",)] == 0
    assert found["flights_lag_messages", ()] == 7
    assert found["flights_kafka_messages_total", ("0",)] == 12
    assert not [key for key in found if key[0] == "flights_mongodb_documents"]


def test_a_store_that_hangs_costs_the_deadline_once_and_not_the_scrape(settings, monkeypatch) -> None:
    monkeypatch.setattr(exporter, "SCRAPE_DEADLINE_S", 0.3)
    release = threading.Event()

    def hang(_settings):
        release.wait(10)
        return []

    collector = StoreCollector(settings, [Source("kafka", 5, good), Source("spark", 5, hang)])
    began = time.monotonic()
    found = scrape(collector)
    assert time.monotonic() - began < 2
    assert (found["flights_store_up", ("kafka",)], found["flights_store_up", ("spark",)]) == (1, 0)
    release.set()
    collector._pool.shutdown(wait=True)
    assert scrape(collector)["flights_store_up", ("spark",)] == 1


def test_an_answer_is_served_again_while_it_is_fresh_and_a_failure_is_asked_again_at_once(settings) -> None:
    calls = {"fresh": 0, "failing": 0}

    def fresh(_settings):
        calls["fresh"] += 1
        return [Sample("flights_lag_messages", float(calls["fresh"]))]

    def failing(_settings):
        calls["failing"] += 1
        raise OSError("down")

    collector = StoreCollector(settings, [Source("kafka", 60, fresh), Source("redis", 60, failing)])
    values = [scrape(collector)["flights_lag_messages", ()] for _ in range(3)]
    assert values == [1, 1, 1]
    assert calls == {"fresh": 1, "failing": 3}


def test_a_store_that_comes_back_is_up_at_the_next_scrape(settings) -> None:
    is_down = [True]

    def flaky(_settings):
        if is_down[0]:
            raise OSError("down")
        return good(_settings)

    collector = StoreCollector(settings, [Source("kafka", 60, flaky)])
    assert scrape(collector)["flights_store_up", ("kafka",)] == 0
    is_down[0] = False
    assert scrape(collector)["flights_store_up", ("kafka",)] == 1


def test_a_sample_of_an_unknown_metric_is_refused() -> None:
    with pytest.raises(KeyError, match="flights_nonsense"):
        list(exporter.families([Sample("flights_nonsense", 1.0)]))


BEST = [
    Sample("flights_service_up", 1.0, ("mongod",)),
    Sample("flights_data_age_seconds", 30.0),
    Sample("flights_dagster_runs", 9.0, ("process_flights", "SUCCESS")),
    Sample("flights_lag_messages", 0.0),
    Sample("flights_batches_total", 4.0),
    Sample("flights_rejected_ratio", 0.0),
]


def score(samples: list[Sample], settings: Settings) -> float:
    return next(
        sample.value for sample in health(settings, samples) if sample.metric == "flights_health_score_ratio"
    )


def test_health_is_one_at_its_best_and_zero_when_nothing_is_known(settings) -> None:
    assert score(BEST, settings) == pytest.approx(1)
    assert score([], settings) == 0


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        (Sample("flights_service_up", 0.0, ("kafka",)), 1 - 0.35 / 2),
        (Sample("flights_dagster_runs", 3.0, ("process_flights", "FAILURE")), 1 - 0.2 / 4),
        (Sample("flights_dagster_runs", 3.0, ("other_job", "FAILURE")), 1),
    ],
)
def test_health_falls_by_its_formula_with_one_more_sample(settings, sample: Sample, expected: float) -> None:
    assert score([*BEST, sample], settings) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        (Sample("flights_data_age_seconds", 1_200.0), 1 - 0.25 / 2),
        (Sample("flights_lag_messages", 2_000_000.0), 1 - 0.1 * 3 / 4),
        (Sample("flights_rejected_ratio", 0.1), 1 - 0.1 / 2),
        (Sample("flights_rejected_ratio", 0.5), 0.9),
    ],
)
def test_health_falls_by_its_formula_with_a_worse_value(settings, sample: Sample, expected: float) -> None:
    worse = [sample if known.metric == sample.metric else known for known in BEST]
    assert score(worse, settings) == pytest.approx(expected)
