"""Ports, processes, users and secrets of a platform, and passwords in addresses."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

LOOPBACK = "127.0.0.1"

# The well-known port of each endpoint; the platform listens at this plus port_offset.
BASE_PORTS = {
    "kafka": 9092,
    "kafka_controller": 9093,
    "kafka_internal": 9094,
    "namenode": 8020,
    "namenode_http": 9870,
    "datanode": 9866,
    "datanode_ipc": 9867,
    "datanode_http": 9864,
    "metastore": 9083,
    "spark_connect": 15002,
    "hiveserver2": 10000,
    "spark_ui": 4040,
    "spark_master": 7077,
    "spark_master_http": 8090,
    "spark_worker_http": 8091,
    "mongod": 27017,
    "redis": 6379,
    "dagster_code": 4266,
    "dagster_webserver": 3000,
    "dagster_viewer": 3001,
    "metrics": 9464,
    "dashboard": 8501,
    "api": 8000,
    "postgres": 5432,
}
# Port distance between processes of one kind.
REPLICA_PORTS = 20


def member(kind: str, number: int) -> str:
    """Name of one process of a kind, of its folder and its log: ``kafka``, then ``kafka-2``."""
    return kind if number == 1 else f"{kind}-{number}"


# Processes per kind and profile. Every other kind has one process.
COUNTS = {
    "embedded": {"mongod": 1, "kafka": 1, "datanode": 1},
    "cluster": {"postgres": 1, "mongod": 3, "kafka": 3, "datanode": 3, "spark-master": 1, "spark-worker": 2},
}
# Users of a secured platform, by store. A process uses the one of its role; the administrator creates the
# others.
USERS = {
    "kafka": ("pipeline", "dashboard", "producer"),
    "mongo": ("pipeline", "dashboard", "admin"),
    "redis": ("pipeline", "dashboard"),
    "hive": ("pipeline", "dashboard"),
}
# Secrets of a secured platform. Its servers share the first two; the third gives access to Spark Connect.
SECRETS = (
    "mongo_keyfile",
    "hive_keystore",
    "spark_token",
    *(f"{store}_{user}" for store, users in USERS.items() for user in users),
)

# Defaults that a profile changes.
PROFILE_DEFAULTS: dict[str, dict[str, Any]] = {
    "cluster": {
        "hdfs_replication": 3,
        "kafka_partitions": 3,
        "spark_worker_cores": 1,
        "spark_executor_mb": 768,
        "spark_worker_mb": 1_024,
    }
}


def with_password(url: str, password: SecretStr) -> str:
    """Return the URL with the password after its user name; unchanged without password or user."""
    scheme, separator, rest = url.partition("://")
    user, at, address = rest.partition("@")
    if not password.get_secret_value() or not at or ":" in user:
        return url
    return f"{scheme}{separator}{user}:{quote(password.get_secret_value(), safe='')}@{address}"


def without_password(url: str) -> str:
    """Return the URL with ``***`` in place of a password after its user name."""
    return re.sub(r"(://[^/@:]*):[^/]*@", r"\1:***@", url)
