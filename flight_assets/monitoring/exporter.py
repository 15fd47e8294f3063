"""Prometheus endpoint: query the stores in parallel at a scrape, and serve the answers that came in time."""

from __future__ import annotations

import math
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

from flight_assets import logs
from flight_assets.monitoring.health import health
from flight_assets.monitoring.metrics import METRICS, Sample, Source
from flight_assets.monitoring.sources import sources
from flight_assets.settings import Settings, get_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

# A scrape answers within this and a little: Prometheus itself gives up after ten seconds.
SCRAPE_DEADLINE_S = 6.0
# A source whose last answer is older than its freshness by this is not current: it hangs.
GRACE_S = 60.0


class Reading:
    """Last samples of a source, and the collection under way. Times are monotonic."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.samples: list[Sample] = []
        self.problem = "it has not answered yet"
        self.answered_at = -math.inf
        self.seconds = 0.0
        self.pending: Future[None] | None = None

    def ask(self, settings: Settings) -> None:
        """Collect now; the outcome replaces the last one."""
        began = time.monotonic()
        try:
            self.samples, problem = list(self.source.collect(settings)), ""
        # A store may fail in as many ways as its client has; all mean that it is down.
        except Exception as error:
            first_line = str(error).splitlines()[0] if str(error) else ""
            self.samples, problem = [], f"{type(error).__name__}: {first_line}"
        if problem != self.problem:
            log = logs.get_logger("metrics").bind(store=self.source.store)
            log.warning("source down", problem=problem) if problem else log.info("source answers")
        self.problem, self.answered_at = problem, time.monotonic()
        self.seconds = self.answered_at - began

    def is_due(self) -> bool:
        """Return True if the samples are too old to serve and no collection is under way."""
        is_old = bool(self.problem) or time.monotonic() - self.answered_at > self.source.fresh_s
        return is_old and (self.pending is None or self.pending.done())

    def is_up(self) -> bool:
        """Return True if the last collection succeeded recently enough."""
        return not self.problem and time.monotonic() - self.answered_at <= self.source.fresh_s + GRACE_S


class StoreCollector(Collector):
    """Collects every metric of ``METRICS`` from the sources."""

    def __init__(self, settings: Settings, of: Sequence[Source]) -> None:
        self._settings = settings
        self._readings = [Reading(source) for source in of]
        self._pool = ThreadPoolExecutor(2 * len(of), thread_name_prefix="source")
        self._lock = threading.Lock()

    def samples(self) -> list[Sample]:
        """Return the samples of every source, the health score over them, and which sources are up."""
        with self._lock:
            for reading in self._readings:
                if reading.is_due():
                    reading.pending = self._pool.submit(reading.ask, self._settings)
            pending = [reading.pending for reading in self._readings if reading.pending]
        wait(pending, timeout=SCRAPE_DEADLINE_S)
        found = [sample for reading in self._readings if reading.is_up() for sample in reading.samples]
        found += health(self._settings, found)
        for reading in self._readings:
            found.append(Sample("flights_store_up", float(reading.is_up()), (reading.source.store,)))
            found.append(Sample("flights_source_duration_seconds", reading.seconds, (reading.source.store,)))
        return found

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Return the families of one scrape; a metric without a sample is left out."""
        return families(self.samples())

    def describe(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
        """Return nothing: registering must not read the stores."""
        return []


def families(samples: Iterable[Sample]) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
    """Return samples as families of the client library. Raises KeyError for an unknown metric."""
    by_metric: dict[str, list[Sample]] = {metric.name: [] for metric in METRICS}
    for sample in samples:
        by_metric[sample.metric].append(sample)
    for metric in METRICS:
        kind = CounterMetricFamily if metric.is_counter else GaugeMetricFamily
        family = kind(metric.name, metric.help, labels=metric.labels)
        for sample in by_metric[metric.name]:
            family.add_metric(sample.labels, sample.value)
        if by_metric[metric.name]:
            yield family


def main() -> None:
    """Serve until killed."""
    from prometheus_client import start_http_server

    settings = get_settings()
    logs.configure(settings)
    registry = CollectorRegistry()
    registry.register(StoreCollector(settings, sources()))
    _, thread = start_http_server(settings.port("metrics"), addr=settings.bind_host, registry=registry)
    logs.get_logger("metrics").info("serving", address=settings.metrics_url)
    thread.join()


if __name__ == "__main__":
    main()
