"""Every setting, its default and its unit. The only module that reads the environment (``FLIGHTS_*`` and ``.env``)."""

from __future__ import annotations

import tempfile
from functools import cache
from hashlib import sha256
from pathlib import Path

from pydantic import Field, computed_field
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT_DIR = Path(__file__).resolve().parent.parent
LOOPBACK = "127.0.0.1"

# The well-known port of each endpoint; the platform listens at this plus port_offset.
BASE_PORTS = {
    "kafka": 9092,
    "kafka_controller": 9093,
    "namenode": 8020,
    "namenode_http": 9870,
    "datanode": 9866,
    "datanode_ipc": 9867,
    "datanode_http": 9864,
    "metastore": 9083,
    "spark_connect": 15002,
    "hiveserver2": 10000,
    "spark_ui": 4040,
    "mongod": 27017,
    "redis": 6379,
    "dagster_code": 4266,
    "dagster_webserver": 3000,
}


def _default_home() -> Path:
    in_checkout = (PROJECT_DIR / "pyproject.toml").exists()
    return PROJECT_DIR / ".flights" if in_checkout else Path.home() / ".flights"


class Settings(BaseSettings):
    """Where the stores are and how the pipeline behaves. An address that is not set follows from host and port_offset."""

    model_config = SettingsConfigDict(env_prefix="FLIGHTS_", env_file=(PROJECT_DIR / ".env", ".env"), extra="ignore", frozen=True)

    home: Path = Field(default_factory=_default_home, description="folder of everything the embedded platform keeps")
    cache_dir: Path = Field(default_factory=lambda: Path.home() / ".cache" / "flight-tracking", description="downloaded jars, shared")
    port_offset: int = Field(default=0, ge=0, le=38_518, description="added to every port, so that platforms can run side by side")

    kafka_bootstrap_servers: str = ""
    kafka_topic: str = "flight_events"
    kafka_partitions: int = Field(default=2, ge=1)
    kafka_retention_days: int = Field(default=7, ge=1)
    hdfs_url: str = ""
    hdfs_http_url: str = ""
    metastore_uri: str = ""
    spark_remote: str = ""
    hiveserver2_address: str = ""
    mongo_uri: str = ""
    mongo_database: str = "flight_tracking"
    redis_url: str = ""
    dagster_url: str = ""

    warehouse_database: str = "flight_dw"
    timeout_s: float = Field(default=15.0, gt=0, description="for one answer of a store; longer work states its own")
    max_events_per_batch: int = Field(
        default=250_000, ge=1, description="events in one batch at most; more become several batches in one run"
    )
    scheduled_lead_minutes: int = Field(default=60, ge=45, description="how long before departure the producer sends the scheduled event")
    pickled_model_sha256: str = Field(
        default="", pattern="^([0-9a-fA-F]{64})?$", description="hash of the one pickled regressor that may be opened; none by default"
    )
    training_days: int = Field(default=365, ge=1, description="newest days of the warehouse that retraining uses")
    monitoring_days: int = Field(default=7, ge=1, description="newest days of flights that the model is watched over")
    retraining_pause_hours: float = Field(
        default=24.0, ge=0, description="after a decision about a model, drift asks for no other for this long"
    )
    lease_s: float = Field(default=30.0, gt=1, description="a processing lease not renewed for this long may be taken over")
    vacuum_retention_hours: int = Field(default=168, ge=168, description="age at which files that no table names are removed")
    raw_retention_hours: int = Field(default=24, ge=1, description="how long merged raw directories stay for reads that had begun")
    dagster_retention_days: int = Field(default=7, ge=1, description="age at which run records and their event logs are pruned")

    spark_master: str = "local[2]"
    spark_heap_mb: int = Field(default=1_400, ge=512)
    kafka_heap_mb: int = Field(default=256, ge=128)
    hdfs_heap_mb: int = Field(default=192, ge=96)
    metastore_heap_mb: int = Field(default=256, ge=128)
    mongo_cache_mb: int = Field(default=256, ge=256, description="WiredTiger's cache; mongod accepts no less than 256")

    def port(self, endpoint: str) -> int:
        """The port at which the embedded platform serves an endpoint of ``BASE_PORTS``."""
        return BASE_PORTS[endpoint] + self.port_offset

    def address(self, endpoint: str) -> str:
        """``host:port`` of an embedded endpoint."""
        return f"{LOOPBACK}:{self.port(endpoint)}"

    def model_post_init(self, _context: object) -> None:
        """Fill the addresses that were not given, and make the folders absolute."""
        embedded = {
            "home": self.home.expanduser().resolve(),
            "cache_dir": self.cache_dir.expanduser().resolve(),
            "kafka_bootstrap_servers": self.kafka_bootstrap_servers or self.address("kafka"),
            "hdfs_url": self.hdfs_url or f"hdfs://{self.address('namenode')}",
            "hdfs_http_url": self.hdfs_http_url or f"http://{self.address('namenode_http')}",
            "metastore_uri": self.metastore_uri or f"thrift://{self.address('metastore')}",
            "spark_remote": self.spark_remote or f"sc://{self.address('spark_connect')}",
            "hiveserver2_address": self.hiveserver2_address or self.address("hiveserver2"),
            "mongo_uri": self.mongo_uri or f"mongodb://{self.address('mongod')}/?replicaSet=flights",
            "redis_url": self.redis_url or f"redis://{self.address('redis')}/0",
            "dagster_url": self.dagster_url or f"http://{self.address('dagster_webserver')}",
        }
        for name, value in embedded.items():
            object.__setattr__(self, name, value)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def supervisor_socket(self) -> Path:
        """Unix socket of the supervisor: outside the home, since a socket's path may have 107 bytes at most."""
        return Path(tempfile.gettempdir()) / f"flights-{sha256(str(self.home).encode()).hexdigest()[:16]}.sock"

    @property
    def dagster_home(self) -> Path:
        """Folder of the Dagster instance."""
        return self.home / "dagster"

    def hdfs_path(self, path: str) -> str:
        """Full URL of an absolute HDFS path, for Spark."""
        return f"{self.hdfs_url}{path}"


@cache
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
