"""Services that use the stores: producer, live processing, metrics, dashboard, API."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

from flight_assets.platform import health
from flight_assets.platform.services.service import Service
from flight_assets.settings import PROJECT_DIR, Settings


def producer_service(settings: Settings) -> Service:
    """Return a producer of synthetic flights in real time."""
    return Service(
        name="producer",
        command=[
            str(Path(sys.executable).parent / "flights"), "produce", "--source", "synthetic", "--forever",
            "--rate", str(settings.producer_rate_per_s), "--seed", str(settings.producer_seed),
            *(["--like", str(settings.producer_flights)] if settings.producer_flights else []),
        ],
        ports=(),
        version=version("flight-tracking-platform"),
        check=health.check_producer,
        needs=("kafka",),
        role="producer",
    )  # fmt: skip


def live_service(settings: Settings) -> Service:
    """Return live processing: events in MongoDB within seconds, ahead of their batch."""
    return Service(
        name="live",
        command=[str(Path(sys.executable).parent / "flights"), "process", "--live"],
        ports=(),
        version=version("flight-tracking-platform"),
        check=health.check_live,
        needs=("kafka", "mongod", "spark"),
        environment={"PYTHONPATH": str(PROJECT_DIR)},
    )


def metrics_service(settings: Settings) -> Service:
    """Return the exporter of Prometheus metrics."""
    return Service(
        name="metrics",
        command=[sys.executable, "-m", "flight_assets.monitoring.exporter"],
        ports=("metrics",),
        version=version("prometheus-client"),
        check=health.check_metrics,
        role="dashboard",
        environment={"PYTHONPATH": str(PROJECT_DIR)},
    )


def dashboard_service(settings: Settings) -> Service:
    """Return the Streamlit dashboard."""
    app = PROJECT_DIR / "dashboard/app.py"
    return Service(
        name="dashboard",
        command=[
            sys.executable, "-m", "streamlit", "run", str(app),
            "--server.address", settings.bind_host, "--server.port", str(settings.port("dashboard")),
        ],
        ports=("dashboard",),
        version=version("streamlit"),
        check=health.check_dashboard,
        role="dashboard",
        environment={"PYTHONPATH": str(PROJECT_DIR)},
    )  # fmt: skip


def api_service(settings: Settings) -> Service:
    """Return the REST API."""
    return Service(
        name="api",
        command=[sys.executable, "-m", "flight_assets.api"],
        ports=("api",),
        version=version("fastapi"),
        check=health.check_api,
        environment={"PYTHONPATH": str(PROJECT_DIR)},
    )
