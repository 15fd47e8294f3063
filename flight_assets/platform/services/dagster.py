"""Services of Dagster: code server, web server, daemon, and a web server that takes no changes."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from flight_assets.platform import health
from flight_assets.platform.services.service import Service
from flight_assets.settings import PROJECT_DIR, Settings


def dagster_services(settings: Settings) -> tuple[Service, Service, Service]:
    """Return Dagster's code server, web server and daemon."""
    bin_dir = Path(sys.executable).parent
    workspace = str(settings.home / "etc/dagster/workspace.yaml")
    environment = {
        "DAGSTER_HOME": str(settings.dagster_home),
        "PYTHONPATH": str(PROJECT_DIR),
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }
    dagster_version = version("dagster")
    return (
        Service(
            name="dagster-code",
            command=[
                sys.executable, "-m", "flight_assets.platform.patches.dagster_warm_runs", "api", "grpc", "-m",
                "flight_assets.definitions",
                "--host", settings.bind_host, "--port", str(settings.port("dagster_code")), "--location-name",
                "flight_assets.definitions",
            ],
            ports=("dagster_code",),
            version=dagster_version,
            check=health.check_dagster_code,
            needs=("postgres",),
            environment=environment,
        ),
        Service(
            name="dagster-webserver",
            command=[
                str(bin_dir / "dagster-webserver"), "-h", settings.bind_host,
                "-p", str(settings.port("dagster_webserver")), "-w", workspace,
            ],
            ports=("dagster_webserver",),
            version=dagster_version,
            check=health.check_dagster_webserver,
            needs=("dagster-code",),
            environment=environment,
        ),
        Service(
            name="dagster-daemon",
            command=[str(bin_dir / "dagster-daemon"), "run", "-w", workspace],
            ports=(),
            version=dagster_version,
            check=health.check_dagster_daemon,
            needs=("dagster-code",),
            environment=environment,
        ),
    )  # fmt: skip


def dagster_viewer_service(settings: Settings) -> Service:
    """Return a second web server, which takes no changes: for those who may only look."""
    webserver = next(service for service in dagster_services(settings) if service.name == "dagster-webserver")
    port = {str(settings.port("dagster_webserver")): str(settings.port("dagster_viewer"))}
    return replace(
        webserver,
        name="dagster-viewer",
        command=[*(port.get(word, word) for word in webserver.command), "--read-only"],
        ports=("dagster_viewer",),
        check=health.check_dagster_viewer,
    )
