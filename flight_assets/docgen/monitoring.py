"""Pages of the metrics and the alert rules."""

from __future__ import annotations

from flight_assets.docgen.markdown import code_list, page, table
from flight_assets.monitoring.metrics import METRICS
from flight_assets.monitoring.rules import RULES


def metrics_page() -> str:
    """Return the page of the Prometheus metrics."""
    rows = (
        (
            f"`{metric.name}`",
            "counter" if metric.is_counter else "gauge",
            code_list(metric.labels),
            metric.help,
        )
        for metric in METRICS
    )
    return page(
        "Metrics",
        "`flight_assets/monitoring/metrics.py`",
        "The service `metrics` serves these at `http://127.0.0.1:9464/metrics`. Units are base units: bytes,"
        " seconds, ratios from 0 to 1.",
        table(("metric", "kind", "labels", "meaning"), rows),
    )


def alerts_page() -> str:
    """Return the page of the alert rules: condition, duration, severity, remedy."""
    rows = (
        (f"`{r.name}`", r.severity, f"`{_condition(r.metric, r.comparison, r.limit)}`", r.for_s, r.remedy)
        for r in RULES
    )
    return page(
        "Alert rules",
        "`flight_assets/monitoring/rules.py`",
        "A rule fires when its condition has held for the given seconds. [Alerts](../alerts.md) says what to"
        " do for each.",
        table(("rule", "severity", "condition", "for, s", "remedy"), rows),
    )


def _condition(metric: str, comparison: str, limit: float | str) -> str:
    return f"{metric} {comparison} {f'FLIGHTS_{limit.upper()}' if isinstance(limit, str) else f'{limit:g}'}"
