"""The stacks of the Compose files, and the services of the table that their containers run."""

from __future__ import annotations

import pytest

from flight_assets.platform.services import further_services
from flight_assets.platform.services import services as table
from flight_assets.settings import Settings
from flight_assets_tests.deploy.compose import (
    OVERLAYS,
    services,
)

EMBEDDED = Settings(
    _env_file=None,
    home="/var/lib/flights",
    cache_dir="/opt/flights/cache",
    java_home="/opt/java",
    port_offset=0,
)
TABLE = {service.name: service for service in (*table(EMBEDDED), *further_services(EMBEDDED))}
CONTAINER_OF = {"mongod": "mongodb"}
OF_OTHER_IMAGES = {"mongod", "redis", "kafka", "namenode", "datanode"}
TIERS = ["infrastructure", "data", "processing", "applications"]

# Its image writes the configuration that it makes of its variables into its own folder.
WRITABLE = {"kafka", "kafka-2", "kafka-3", "zookeeper"}
STACKS = [(), *((overlay,) for overlay in OVERLAYS)]

CONTAINERS = [
    pytest.param(stack, name, id="-".join((*stack, name))) for stack in STACKS for name in services(*stack)
]

# Setting that says where an endpoint of the table is.
ADDRESSES = {
    "kafka_bootstrap_servers": "kafka", "hdfs_url": "namenode", "hdfs_http_url": "namenode_http",
    "metastore_uri": "metastore",
    "spark_master": "spark_master", "spark_remote": "spark_connect", "spark_ui_url": "spark_ui",
    "hiveserver2_address": "hiveserver2",
    "mongo_uri": "mongod", "redis_url": "redis", "dagster_url": "dagster_webserver",
    "dagster_code_address": "dagster_code",
    "metrics_url": "metrics", "dashboard_url": "dashboard", "api_url": "api",
}  # fmt: skip


def container_of(name: str) -> str:
    return CONTAINER_OF.get(name, name)


def endpoint_owner(endpoint: str) -> str:
    return next(container_of(service.name) for service in TABLE.values() if endpoint in service.ports)
