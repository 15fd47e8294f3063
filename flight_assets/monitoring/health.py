"""Health score, from the other samples of a scrape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from flight_assets.monitoring.metrics import Sample
from flight_assets.provenance import PIPELINE_JOBS
from flight_assets.queries import dagster, operations

if TYPE_CHECKING:
    from flight_assets.settings import Settings


def health(settings: Settings, samples: Iterable[Sample]) -> Iterator[Sample]:
    """Yield the health score from the other samples of a scrape."""
    by_name: dict[str, list[Sample]] = {}
    for sample in samples:
        by_name.setdefault(sample.metric, []).append(sample)

    def one(name: str) -> float | None:
        return by_name[name][0].value if name in by_name else None

    up = [sample.value for sample in by_name.get("flights_service_up", [])]
    runs = Counter[str]()
    for sample in by_name.get("flights_dagster_runs", []):
        if sample.labels[0] in PIPELINE_JOBS:
            runs[sample.labels[1]] += int(sample.value)
    ended = sum(runs[status] for status in dagster.ENDED)
    parts = operations.health_parts(
        settings,
        works=sum(up) / len(up) if up else None,
        data_age_s=one("flights_data_age_seconds"),
        succeeded=runs["SUCCESS"] / ended if ended else None,
        lag=one("flights_lag_messages"),
        rejected=(one("flights_rejected_ratio") or 0.0) if "flights_batches_total" in by_name else None,
    )
    for part, value in parts.items():
        yield Sample("flights_health_part_ratio", value, (part,))
    yield Sample("flights_health_score_ratio", operations.health_score(parts))
