"""Files shipped for Prometheus and Grafana speak of the metrics and rules that there are."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from flight_assets.monitoring.metrics import METRICS
from flight_assets.monitoring.rules import RULES, prometheus_rules
from flight_assets.settings import BASE_PORTS, PROJECT_DIR, Settings

DEPLOY = PROJECT_DIR / "deploy"
LABELS = {metric.name: set(metric.labels) for metric in METRICS}
DASHBOARD = json.loads((DEPLOY / "grafana/flight-tracking.json").read_text())
QUERIES = [(panel["title"], target) for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]


def test_the_rule_file_is_what_the_rules_say_with_default_limits() -> None:
    """After a change: `flights alerts rules > deploy/prometheus/alerts.yml`."""
    assert yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text()) == prometheus_rules(
        Settings(_env_file=None, port_offset=0)
    )
    assert len(RULES) == len(prometheus_rules(Settings(_env_file=None))["groups"][0]["rules"])


def test_prometheus_scrapes_the_endpoints_port_and_reads_the_rules() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    assert config["rule_files"] == ["alerts.yml"]
    assert config["scrape_configs"][0]["static_configs"][0]["targets"] == [
        f"127.0.0.1:{BASE_PORTS['metrics']}"
    ]


@pytest.mark.parametrize(
    ("title", "target"), QUERIES, ids=lambda value: value if isinstance(value, str) else value["refId"]
)
def test_a_panel_asks_for_metrics_and_labels_that_there_are(title: str, target: dict) -> None:
    names = re.findall(r"flights_\w+", target["expr"])
    assert set(names) <= set(LABELS)
    assert names or "ALERTS" in target["expr"]
    known = set().union(*(LABELS[name] for name in names)) if names else set()
    assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= known
    assert set(re.findall(r"(\w+)=~?\"", target["expr"])) <= known | {"alertstate"}


def test_panels_do_not_overlap() -> None:
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for box in [panel["gridPos"]]
        for x in range(box["x"], box["x"] + box["w"])
        for y in range(box["y"], box["y"] + box["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23


def test_names_and_units_follow_the_conventions() -> None:
    units = (
        "_total",
        "_seconds",
        "_bytes",
        "_ratio",
        "_messages",
        "_batches",
        "_blocks",
        "_documents",
        "_up",
        "_files",
        "_keys",
        "_tasks",
        "_processes",
        "_findings",
        "_flights",
    )
    others = {
        "flights_hdfs_datanodes",
        "flights_check_passed",
        "flights_model_monitoring",
        "flights_model_breached",
        "flights_pattern_failed",
        "flights_live_search_failed",
        "flights_live_forecasts_failed",
    }
    others |= {"flights_dagster_runs", "flights_dagster_failed_since_success"}
    assert [
        metric.name for metric in METRICS if not metric.name.endswith(units) and metric.name not in others
    ] == []
    assert len(LABELS) == len(METRICS)
    assert all(re.fullmatch(r"flights_[a-z_]+", metric.name) and metric.help for metric in METRICS)
