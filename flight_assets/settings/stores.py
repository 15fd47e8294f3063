"""Settings of the stores and servers: addresses, users, passwords and names."""

from __future__ import annotations

from ipaddress import ip_network

from pydantic import Field, SecretStr, field_validator

from flight_assets.settings.platform import PlatformSettings


class StoreSettings(PlatformSettings):
    """Addresses, users and names of the stores; those that are not set follow from the ports."""

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
    hdfs_private: bool = Field(
        default=False,
        description="`flights service bootstrap` lets only the platform and the group `readers` into HDFS",
    )
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
    api_subscriptions: int = Field(default=100, ge=1, description="webhook subscriptions of one tenant")
    webhook_key: SecretStr = Field(
        default=SecretStr(""),
        description="key that webhooks' secrets are derived from; empty = the file that `flights up` makes",
    )
    delivery_networks: str = Field(
        default="",
        description=(
            "networks without public addresses that webhooks may be sent to, as 10.1.0.0/16, separated by"
            " commas; empty = loopback for the default tenant of an open embedded platform, else none"
        ),
    )
    delivery_timeout_s: float = Field(
        default=10.0, gt=0, description="time limit of one attempt to deliver a webhook"
    )
    delivery_first_retry_s: float = Field(
        default=5.0, gt=0, description="wait after a failed attempt; it doubles up to an hour"
    )
    delivery_failures: int = Field(
        default=12, ge=1, description="failed attempts in a row after which a subscription is paused"
    )

    warehouse_database: str = Field(default="flight_dw", description="database of the warehouse tables")
    warehouse_dir: str = Field(default="/warehouse", description="HDFS folder of the metastore's databases")

    @field_validator("delivery_networks")
    @classmethod
    def _are_networks(cls, given: str) -> str:
        for each in given.split(",") if given else ():
            ip_network(each.strip())
        return given
