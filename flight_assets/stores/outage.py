"""Name the store that is down: turn the errors of all clients into one sentence."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

from flight_assets.errors import FlightsError, StoreUnavailable

if TYPE_CHECKING:
    from flight_assets.settings import Settings

PROBE_TIMEOUT_S = 2.0
# Spark hides the reason that HDFS gave. With all servers up, it is mostly a full disk or a quota.
WRITE_FAILED = "[TASK_WRITE_FAILED]"
_EXCEPTION = re.compile(r"^[a-zA-Z_.]+(Error|Exception|Unavailable): ")


def explain(settings: Settings, error: BaseException) -> str:
    """Return one sentence for a failed step: the store that does not answer, or the error's main line."""
    if isinstance(error, FlightsError):
        return str(error)
    silent = [
        f"{name} does not answer at {address}"
        for name, address in _addresses(settings)
        if not _answers(address)
    ]
    if silent:
        return f"{'; '.join(silent)}: see `flights status`, then run again ({_line(error)})"
    if WRITE_FAILED in str(error):
        return (
            f"{_line(error)}: see `flights status`, `flights logs spark` and HDFS's room and quotas at"
            f" {settings.hdfs_http_url}"
        )
    return f"{type(error).__name__}: {_line(error)}"


def refuse_silent(settings: Settings, store: str) -> None:
    """Return if a store of ``_addresses`` accepts connections.

    Raises StoreUnavailable, at once if nothing listens.
    """
    addresses = [address for name, address in _addresses(settings) if name == store]
    if not any(_answers(address) for address in addresses):
        raise StoreUnavailable(
            store, ", ".join(addresses), "see `flights status`, and start it with `flights up`"
        )


def _line(error: BaseException) -> str:
    """Return the main line: the exception at the end of a Python worker's trace, else the first line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return next((line for line in reversed(lines) if _EXCEPTION.match(line)), lines[0])


def _addresses(settings: Settings) -> list[tuple[str, str]]:
    """Return name and host:port of each server that a step needs."""
    urls = [
        ("Kafka", settings.kafka_bootstrap_servers),
        ("HDFS NameNode", settings.hdfs_url),
        ("Hive metastore", settings.metastore_uri),
        ("Spark Connect", settings.spark_remote),
        ("MongoDB", settings.mongo_uri),
    ]
    return [
        (name, address)
        for name, url in urls
        for address in re.findall(r"[\w.-]+:\d+(?=[,/;?]|$)", url.rsplit("@", 1)[-1])
    ]


def _answers(address: str) -> bool:
    host, port = address.rsplit(":", 1)
    try:
        with socket.create_connection((host, int(port)), PROBE_TIMEOUT_S):
            return True
    except OSError:
        return False
