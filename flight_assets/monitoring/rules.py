"""All alert rules, evaluated by the Dagster sensor ``watch`` and exported for Prometheus.

A rule looks at the samples of one metric. Each sample past the limit for ``for_s`` seconds is an alert of
its own, named by the sample's labels, unless the rule has ``each``. A limit is a number or the name of a
setting.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from flight_assets.settings import Settings

# Stores that a scrape asks itself; the services behind them need no second alert.
STORES = "kafka|hdfs|mongodb|redis|dagster|spark|metrics"
SERVICES_OF_STORES = "kafka|namenode|mongod|redis|dagster-webserver|spark|metrics"


@dataclass(frozen=True)
class Rule:
    """One rule. ``only`` and ``never`` are a label and a regular expression for its whole value.

    A sample must match ``only`` and must not match ``never``. With ``each``, all samples past the limit are
    one alert without labels. Its value is the one furthest past the limit. ``{each}`` in its summary lists
    them in these words.
    """

    name: str
    severity: Literal["critical", "warning"]
    metric: str
    comparison: Literal[">", "<"]
    limit: float | str
    for_s: int
    summary: str
    remedy: str
    only: tuple[str, str] | None = None
    never: tuple[str, str] | None = None
    each: str = ""

    def limit_value(self, settings: Settings) -> float:
        """Return the limit as a number."""
        return float(getattr(settings, self.limit)) if isinstance(self.limit, str) else self.limit

    def concerns(self, labels: Mapping[str, str]) -> bool:
        """Return True if the rule looks at a sample with these labels."""
        if self.only and not re.fullmatch(self.only[1], labels.get(self.only[0], "")):
            return False
        return not (self.never and re.fullmatch(self.never[1], labels.get(self.never[0], "")))

    def is_past(self, value: float, settings: Settings) -> bool:
        """Return True if a value is past the limit; NaN is not."""
        limit = self.limit_value(settings)
        return value > limit if self.comparison == ">" else value < limit

    def breaches(
        self, samples: Iterable[tuple[dict[str, str], float]], settings: Settings
    ) -> list[tuple[dict[str, str], float, str]]:
        """Return the alerts that the samples call for: labels, value and summary of each."""
        past = [
            (labels, value)
            for labels, value in samples
            if self.concerns(labels) and self.is_past(value, settings)
        ]
        if not self.each:
            return [(labels, value, self.summary.format(value=value, **labels)) for labels, value in past]
        if not past:
            return []
        furthest = (max if self.comparison == ">" else min)(value for _, value in past)
        each = ", ".join(sorted(self.each.format(**labels).strip() for labels, _ in past))
        return [({}, furthest, self.summary.format(value=furthest, each=each))]

    def expression(self, settings: Settings) -> str:
        """Return the condition in PromQL."""
        condition = f"{self.comparison} {self.limit_value(settings):g}"
        if self.each:
            return f"{'max' if self.comparison == '>' else 'min'}({self.selector()}) {condition}"
        return f"{self.selector()} {condition}"

    def selector(self) -> str:
        """Return the selector of its samples in PromQL."""
        matchers = [f'{self.only[0]}=~"{self.only[1]}"'] if self.only else []
        matchers += [f'{self.never[0]}!~"{self.never[1]}"'] if self.never else []
        return f"{self.metric}{{{','.join(matchers)}}}" if matchers else self.metric


RULES = (
    Rule(
        "StoreDown", "critical", "flights_store_up", "<", 1, 60,
        "{store} does not answer",
        "look at `flights status` and `flights logs …`; `flights up` starts what does not run",
        only=("store", STORES),
    ),
    Rule(
        "ServiceDown", "critical", "flights_service_up", "<", 1, 120,
        "the service {service} does not work",
        "look at `flights doctor` and `flights logs {service}`; `flights up` starts what does not run",
        never=("service", SERVICES_OF_STORES),
    ),
    Rule(
        "RunsFailing", "critical", "flights_dagster_failed_since_success", ">", 0, 0,
        "{value:.0f} runs of {job} have failed since one last succeeded",
        "read the failed step's sentence on the run's page in Dagster; the next run resumes the batch",
    ),
    Rule(
        "DataStale", "critical", "flights_data_age_seconds", ">", "alert_data_age_s", 0,
        "no run of the pipeline has succeeded for {value:.0f} s",
        "see whether the schedule process_every_minute runs and what its last run says",
    ),
    Rule(
        "ArchiveThresholdNear", "warning", "flights_archive_threshold_used_ratio", ">",
        "alert_archive_used_ratio", 300,
        "MongoDB has reached {value:.0%} of the archive threshold",
        "nothing while the archive runs; if it is paused or fails, resume or repair it soon",
    ),
    Rule(
        "LagHigh", "warning", "flights_lag_messages", ">", "alert_lag_messages", 300,
        "{value:.0f} messages wait in the topic",
        "see whether batches fail or take too long; raise FLIGHTS_MAX_EVENTS_PER_BATCH if each is full",
    ),
    Rule(
        "TransactionOpen", "warning", "flights_topic_held_messages", ">", 0, 900,
        "{value:.0f} messages of partition {partition} wait behind a transaction that does not end",
        "end that producer's transaction; if the producer is gone, abort it with `kafka-transactions.sh`",
    ),
    Rule(
        "LatencyHigh", "warning", "flights_visible_latency_seconds", ">", "alert_latency_s", 300,
        "the slowest 5 % of flights took {value:.0f} s or more from Kafka to MongoDB",
        "compare the steps' durations on the operations page",
        only=("quantile", "0.95"),
    ),
    Rule(
        "LiveLatencyHigh", "warning", "flights_live_latency_seconds", ">", "alert_live_latency_s", 120,
        "live processing took {value:.0f} s or more for the slowest 5 % of messages",
        "start a second live process for part of the partitions; look at `flights logs live`",
        only=("quantile", "0.95"),
    ),
    Rule(
        "QualityLow", "warning", "flights_quality_score_ratio", "<", "alert_quality_ratio", 300,
        "the newest flights have a mean quality score of {value:.2f}",
        "see which fields are missing on the data quality page, and tell the producer",
    ),
    Rule(
        "RejectedMany", "warning", "flights_rejected_ratio", ">", "alert_rejected_ratio", 300,
        "{value:.0%} of the newest batches' messages were quarantined",
        "see the reasons and samples in quarantine, and tell the producer",
    ),
    Rule(
        "CheckFailed", "warning", "flights_check_passed", "<", 1, 0,
        "the check {check} of {asset} failed",
        "see the check on the asset's page in Dagster",
    ),
    Rule(
        "ModelDrift", "warning", "flights_model_breached", ">", 0, 0,
        "the delay model is past its thresholds: {each}",
        "see the prediction page; train again with `flights model train` if it stays",
        each="{metric} {subject}",
    ),
    Rule(
        "Situation", "critical", "flights_situation_findings", ">", 0, 0,
        "{pattern} at {group}, with {value:.0f} findings",
        "see the situation on the overview page; `flights events list` explains each finding",
        only=("severity", "critical"),
    ),
    Rule(
        "PatternFailed", "warning", "flights_pattern_failed", ">", 0, 0,
        "the pattern {pattern} of complex events fails",
        "see the check patterns_work of complex_events; `flights events test` tries a pattern of your own",
    ),
    Rule(
        "LiveSearchFailed", "warning", "flights_live_search_failed", ">", 0, 120,
        "live processing cannot search for complex events: findings come with their batches",
        "see `flights logs live`; the search tries again every minute",
    ),
    Rule(
        "LiveForecastsFailed", "warning", "flights_live_forecasts_failed", ">", 0, 120,
        "live processing cannot write current forecasts: they come with batches",
        "see `flights logs live`; flights are shown meanwhile",
    ),
    Rule(
        "BaselineServes", "warning", "flights_model_up", "<", 1, 0,
        "the running baseline makes the forecasts: the delay model did worse on the last day's outcomes",
        "see `flights model trust`; train on these flights with `flights model train --source warehouse`",
    ),
    Rule(
        "DaemonDown", "critical", "flights_dagster_daemon_up", "<", 1, 120,
        "the Dagster daemon {daemon} sends no heartbeat",
        "look at `flights logs dagster-daemon`",
    ),
    Rule(
        "DiskFull", "warning", "flights_disk_used_ratio", ">", "alert_disk_used_ratio", 300,
        "the disk of {disk} is {value:.0%} full",
        "free some, or let the archive's and the tables' retention delete more",
    ),
    Rule(
        "MemoryHigh", "warning", "flights_service_memory_used_ratio", ">", "alert_memory_used_ratio", 300,
        "the container of {service} uses {value:.0%} of its memory limit",
        "see its course on the operations page; raise its limit before the kernel ends it",
    ),
    Rule(
        "BlocksMissing", "critical", "flights_hdfs_missing_blocks", ">", 0, 60,
        "{value:.0f} blocks of HDFS have no copy left",
        "bring the DataNode back that held them: `flights logs datanode`",
    ),
)  # fmt: skip


def prometheus_rules(settings: Settings) -> dict[str, Any]:
    """Return the rules in the form of a Prometheus rule file, with the limits of the settings."""
    return {
        "groups": [
            {
                "name": "flight-tracking",
                "interval": "1m",
                "rules": [_prometheus_rule(rule, settings) for rule in RULES],
            }
        ]
    }


def _prometheus_rule(rule: Rule, settings: Settings) -> dict[str, Any]:
    return {
        "alert": rule.name,
        "expr": rule.expression(settings),
        "for": f"{rule.for_s}s",
        "labels": {"severity": rule.severity},
        "annotations": {
            "summary": _go_template(rule.summary).replace("{each}", _go_list(rule, settings)),
            "remedy": _go_template(rule.remedy),
        },
    }


def _go_list(rule: Rule, settings: Settings) -> str:
    """Return ``{each}`` as a Prometheus template: the samples past the limit when the alert is sent."""
    past = f"{rule.selector()} {rule.comparison} {rule.limit_value(settings):g}"
    one = re.sub(r"\{(\w+)\}", r"{{ $one.Labels.\1 }}", rule.each)
    comma = "{{ if $number }}, {{ end }}"
    return f"{{{{ range $number, $one := query `{past}` }}}}{comma}{one}{{{{ end }}}}"


def _go_template(text: str) -> str:
    """Return a text with ``{store}`` and ``{value:…}`` as Prometheus templates."""
    formats = {
        ".0%": "{{ $value | humanizePercentage }}",
        ".0f": '{{ $value | printf "%.0f" }}',
        ".2f": '{{ $value | printf "%.2f" }}',
    }
    text = re.sub(r"\{value:([^}]*)\}", lambda match: formats[match[1]], text)
    return re.sub(r"(?<!\{)\{(?!each\})(\w+)\}(?!\})", r"{{ $labels.\1 }}", text)
