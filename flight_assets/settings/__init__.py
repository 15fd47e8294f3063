"""Every setting, its default and its unit.

The only package that reads the environment (``FLIGHTS_*`` and ``.env``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import quote

from pydantic import model_validator

from flight_assets.settings.endpoints import (
    BASE_PORTS,
    COUNTS,
    LOOPBACK,
    PROFILE_DEFAULTS,
    SECRETS,
    USERS,
    member,
    with_password,
    without_password,
)
from flight_assets.settings.operation import OperationSettings
from flight_assets.settings.platform import PROJECT_DIR

__all__ = [
    "BASE_PORTS",
    "COUNTS",
    "LOOPBACK",
    "PROJECT_DIR",
    "SECRETS",
    "USERS",
    "Settings",
    "get_settings",
    "hand_over",
    "member",
    "with_password",
    "without_password",
]


class Settings(OperationSettings):
    """Settings of the stores and the pipeline.

    Addresses that are not set follow from host and port_offset.
    """

    def __hash__(self) -> int:
        """Return the hash of the home: clients are kept by their settings, some of which are mappings."""
        return hash(self.home)

    def __repr_args__(self) -> Iterator[tuple[str | None, object]]:
        """Yield the fields for ``repr``, with addresses without passwords."""
        for name, value in super().__repr_args__():
            yield name, without_password(value) if isinstance(value, str) else value

    @model_validator(mode="before")
    @classmethod
    def _with_profile(cls, given: dict[str, Any]) -> dict[str, Any]:
        return PROFILE_DEFAULTS.get(given.get("profile", ""), {}) | given

    @model_validator(mode="after")
    def _windows_in_order(self) -> Settings:
        if self.archive_min_window_hours > 24 * self.archive_window_days:
            raise ValueError("archive_min_window_hours must not be longer than archive_window_days")
        return self

    @model_validator(mode="after")
    def _one_of_each_if_secured(self) -> Settings:
        if self.secured and self.profile != "embedded":
            raise ValueError("secured goes with the embedded profile only")
        return self

    def model_post_init(self, _context: object) -> None:
        """Fill in the addresses that are not set, and make folders absolute."""
        self._fill(
            {"home": self.home.expanduser().resolve(), "cache_dir": self.cache_dir.expanduser().resolve()}
        )
        if self.secured:
            self._fill(self._of_the_role())
        embedded = {
            "kafka_bootstrap_servers": self.kafka_bootstrap_servers or ",".join(self.addresses("kafka")),
            "hdfs_url": self.hdfs_url or f"hdfs://{self.address('namenode')}",
            "hdfs_http_url": self.hdfs_http_url or f"http://{self.address('namenode_http')}",
            "metastore_uri": self.metastore_uri or f"thrift://{self.address('metastore')}",
            "spark_remote": self.spark_remote or f"sc://{self.address('spark_connect')}",
            "hiveserver2_address": self.hiveserver2_address or self.address("hiveserver2"),
            "spark_ui_url": self.spark_ui_url or f"http://{self.address('spark_ui')}",
            "mongo_uri": (
                with_password(self.mongo_uri, self.mongo_password)
                or f"mongodb://{','.join(self.addresses('mongod'))}/?replicaSet=flights"
            ),
            "redis_url": (
                with_password(self.redis_url, self.redis_password) or f"redis://{self.address('redis')}/0"
            ),
            "spark_master": self.spark_master or self._spark_master(),
            "dagster_db_url": (
                with_password(self.dagster_db_url, self.dagster_db_password)
                or self._own_database("postgresql+psycopg2://flights@{}/dagster")
            ),
            "metastore_db_url": self.metastore_db_url or self._own_database("jdbc:postgresql://{}/metastore"),
            "dagster_code_address": self.dagster_code_address or self.address("dagster_code"),
            "metrics_url": self.metrics_url or f"http://{self.address('metrics')}/metrics",
            "api_url": self.api_url or f"http://{self.address('api')}",
            "dashboard_url": self.dashboard_url or f"http://{self.address('dashboard')}",
            "dagster_url": self.dagster_url or f"http://{self.address('dagster_webserver')}",
        }
        self._fill(embedded)

    def _fill(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _of_the_role(self) -> dict[str, Any]:
        """Return defaults of a secured platform: encrypted addresses, and the role's names and passwords."""
        ca = str(self.tls_dir / "ca.pem")
        user = {store: f"{self.role}@" if self.role in users else "" for store, users in USERS.items()}
        return {
            "kafka_ca_file": self.kafka_ca_file or ca,
            "kafka_user": self.kafka_user or self.role,
            "kafka_password": self.kafka_password or self.secret(f"kafka_{self.role}"),
            "mongo_uri": (
                self.mongo_uri
                or f"mongodb://{user['mongo']}{','.join(self.addresses('mongod'))}/?replicaSet=flights"
                f"&authSource=admin&tls=true&tlsCAFile={quote(ca)}"
            ),
            "mongo_password": self.mongo_password or self.secret(f"mongo_{self.role}"),
            "redis_url": (
                self.redis_url
                or f"rediss://{user['redis']}{self.address('redis')}/0?ssl_ca_certs={quote(ca)}"
            ),
            "redis_password": self.redis_password or self.secret(f"redis_{self.role}"),
            # With a token, the client accepts only this host name without TLS.
            "spark_remote": (
                self.spark_remote or f"sc://localhost:{self.port('spark_connect')}/;user_id={self.role}"
            ),
            "spark_token": self.spark_token or self.secret("spark_token" if self.role != "producer" else ""),
        }

    def _spark_master(self) -> str:
        """Return the profile's master, or local threads: one more than a batch's tasks, for small queries."""
        return (
            f"spark://{self.address('spark_master')}"
            if self.count("spark-master")
            else f"local[{self.spark_parallelism + 1}]"
        )

    def _own_database(self, form: str) -> str:
        """Return the address of a database of the profile's PostgreSQL; empty if it has none."""
        return form.format(self.address("postgres")) if self.count("postgres") else ""

    def hdfs_path(self, path: str) -> str:
        """Return the full URL of an absolute HDFS path, for Spark."""
        return f"{self.hdfs_url}{path}"


def hand_over(name: str, value: str) -> None:
    """Set an environment variable that a library reads and that has no other way in."""
    os.environ[name] = value


@cache
def get_settings() -> Settings:
    """Return the settings of this process, read once."""
    return Settings()
