"""Health checks. Each raises while its service does not do its work, and gives up after its own timeout."""

from __future__ import annotations

import json
import re
import socket
import urllib.request
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from flight_assets.errors import FlightsError
from flight_assets.pipeline.live.shares import MEMBER
from flight_assets.platform import access, kafka_access, postgres
from flight_assets.settings import LOOPBACK
from flight_assets.stores import kafka, lease, redis
from flight_assets.stores.hdfs import Hdfs

if TYPE_CHECKING:
    from flight_assets.settings import Settings

CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qg"  # any fixed 16 bytes in base64: one embedded broker is one cluster
PROBE_TIMEOUT_S = 5.0
PRODUCER_SILENCE_S = 300.0


class NotReady(FlightsError):
    """Answer of a service that does not work yet."""


def answers(address: str) -> None:
    """Return if something accepts connections at the first ``host:port`` of an address or URL.

    Raises OSError if nothing does, ValueError if the address has no port.
    """
    found = re.search(r"([\w.-]+):(\d+)(?=[,/;?]|$)", address.rsplit("@", 1)[-1])
    if not found:
        raise ValueError(f"{address} has no host:port")
    with socket.create_connection((found[1], int(found[2])), PROBE_TIMEOUT_S):
        pass


def check_member(endpoint: str, number: int, settings: Settings) -> None:
    """Pass if one more process of a kind accepts connections.

    The check of the first one covers what they do together.
    """
    answers(settings.address(endpoint, number))


def check_postgres(settings: Settings) -> None:
    """Pass if PostgreSQL answers a query and has its databases."""
    import psycopg2

    for database in postgres.DATABASES:
        timeout_s = int(PROBE_TIMEOUT_S)
        with closing(
            psycopg2.connect(
                host=LOOPBACK, port=settings.port("postgres"), user=postgres.USER, dbname=database,
                connect_timeout=timeout_s,
                options=f"-c statement_timeout={timeout_s * 1000}",
            )
        ) as connection:  # fmt: skip
            connection.cursor().execute("SELECT 1")


def check_mongod(settings: Settings) -> None:
    """Pass if the replica set has a primary that answers a ping.

    Fresh servers of this machine become a replica set with its users.
    """
    from pymongo import MongoClient

    options: dict[str, Any] = {
        "serverSelectionTimeoutMS": 3000,
        "connectTimeoutMS": 3000,
        "socketTimeoutMS": 5000,
    }
    if settings.embedded:
        with MongoClient(
            settings.address("mongod"), directConnection=True, **options, **access.mongo_tls(settings)
        ) as client:
            _initiate_if_fresh(client, settings.addresses("mongod"))
            access.make_mongo_users(settings, client)
    with MongoClient(settings.mongo_uri, **options) as client:
        client.admin.command("ping")  # sent to the primary only


def _initiate_if_fresh(client: Any, addresses: list[str]) -> None:  # noqa: ANN401 - pymongo's generic type
    if "setName" not in client.admin.command("hello"):
        client.admin.command(
            "replSetInitiate",
            {"_id": "flights", "members": [{"_id": n, "host": host} for n, host in enumerate(addresses)]},
        )


def check_redis(settings: Settings) -> None:
    """Pass if Redis answers a ping and has loaded its data."""
    client = redis.connect(settings)
    try:
        client.ping()
    finally:
        client.close()


def check_kafka(settings: Settings) -> None:
    """Pass if a message produced now is consumed again, through a topic of its own."""
    from kafka import KafkaConsumer, KafkaProducer, TopicPartition

    answers(settings.kafka_bootstrap_servers)
    kafka_access.make_kafka_users(settings)
    kafka.ensure_topic(settings, kafka_access.HEALTH_TOPIC, partitions=1, retention_days=1)
    probe = uuid4().bytes
    options = kafka.client_options(settings)
    producer = KafkaProducer(**options, max_block_ms=5000, delivery_timeout_ms=20_000)
    try:
        offset = producer.send(kafka_access.HEALTH_TOPIC, probe).get(timeout=PROBE_TIMEOUT_S).offset
    finally:
        producer.close(timeout=PROBE_TIMEOUT_S)
    consumer = KafkaConsumer(
        **options, group_id=None, enable_auto_commit=False, consumer_timeout_ms=int(PROBE_TIMEOUT_S * 1000)
    )
    try:
        partition = TopicPartition(kafka_access.HEALTH_TOPIC, 0)
        consumer.assign([partition])
        consumer.seek(partition, offset)
        if next(consumer).value != probe:
            raise NotReady("Kafka gave back another message than the one produced")
    except StopIteration:
        raise NotReady("Kafka did not give back the message produced") from None
    finally:
        consumer.close()


def check_namenode(settings: Settings) -> None:
    """Pass if the NameNode answers for the root directory."""
    answers(settings.hdfs_url)
    Hdfs(settings).exists("/")


def check_datanode(settings: Settings) -> None:
    """Pass if a file written now can be read again: safe mode is off, and a DataNode serves."""
    access.make_hdfs_permissions(settings)
    hdfs, content, path = (
        Hdfs(settings),
        uuid4().bytes,
        f"/tmp/health-{uuid4().hex}",  # noqa: S108
    )
    hdfs.write(path, content)
    found = hdfs.read(path)
    hdfs.delete(path)
    if found != content:
        raise NotReady("HDFS gave back another content than the one written")


def check_metastore(settings: Settings) -> None:
    """Pass if the metastore accepts connections. Spark's check shows that it answers."""
    answers(settings.metastore_uri)


def check_spark(settings: Settings) -> None:
    """Pass if Spark answers ``SELECT 1``, lists the databases, and HiveServer2 accepts connections."""
    from flight_assets.stores.warehouse import connect

    answers(settings.spark_remote)
    answers(settings.hiveserver2_address)
    spark = connect(settings)
    if spark.sql("SELECT 1").collect()[0][0] != 1 or not spark.sql("SHOW DATABASES").collect():
        raise NotReady("Spark answered SELECT 1 wrongly")


def check_spark_master(settings: Settings) -> None:
    """Pass if the master of the Spark cluster is the one in charge."""
    with urllib.request.urlopen(
        f"http://{_own(settings, 'spark_master_http')}/json/", timeout=PROBE_TIMEOUT_S
    ) as reply:
        if json.load(reply)["status"] != "ALIVE":
            raise NotReady("the Spark master is not in charge yet")


def check_spark_worker(settings: Settings) -> None:
    """Pass if the worker offers its cores to the master that the settings name."""
    with urllib.request.urlopen(
        f"http://{_own(settings, 'spark_worker_http')}/json/", timeout=PROBE_TIMEOUT_S
    ) as reply:
        found = json.load(reply)
    if (found["masterurl"], found["cores"]) != (settings.spark_master, settings.spark_worker_cores):
        raise NotReady(f"the Spark worker belongs to {found['masterurl']} with {found['cores']} cores")


def _own(settings: Settings, endpoint: str) -> str:
    """Return the address of a server that runs beside this process."""
    return f"{settings.advertised_host}:{settings.port(endpoint)}"


def check_producer(settings: Settings) -> None:
    """Pass if Kafka took a message within the last ``PRODUCER_SILENCE_S``."""
    newest = kafka.newest_timestamp(settings, kafka.end_offsets(settings))
    if newest is None or (datetime.now(UTC) - newest).total_seconds() > PRODUCER_SILENCE_S:
        raise NotReady(f"the newest message in {settings.kafka_topic} is of {newest or 'never'}")


def check_live(settings: Settings) -> None:
    """Pass if a live process has joined."""
    if not lease.names(settings, MEMBER):
        raise NotReady("live processing has not started yet")


def check_dagster_code(settings: Settings) -> None:
    """Pass if the code location has loaded the definitions without an error."""
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with grpc.insecure_channel(settings.dagster_code_address) as channel:
        request = health_pb2.HealthCheckRequest(service="DagsterApi")
        reply = health_pb2_grpc.HealthStub(channel).Check(request, timeout=PROBE_TIMEOUT_S)
    if reply.status != health_pb2.HealthCheckResponse.SERVING:
        raise NotReady("the Dagster code location does not serve yet")


def check_dagster_webserver(settings: Settings) -> None:
    """Pass if the web server has loaded the repository."""
    query = "{ repositoriesOrError { __typename ... on RepositoryConnection { nodes { name } } } }"
    if not graphql(settings, query)["repositoriesOrError"].get("nodes"):
        raise NotReady("the Dagster web server has no repository yet")


def check_dagster_viewer(settings: Settings) -> None:
    """Pass if the read-only web server answers and refuses changes."""
    answer = graphql(
        settings, "{ permissions { permission value } }", f"http://{_own(settings, 'dagster_viewer')}"
    )
    if allowed := [row["permission"] for row in answer["permissions"] if row["value"]]:
        raise NotReady(f"the Dagster web server of viewers allows {', '.join(allowed)}")


def check_dagster_daemon(settings: Settings) -> None:
    """Pass if every required daemon has sent a heartbeat lately."""
    query = "{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"
    statuses = graphql(settings, query)["instance"]["daemonHealth"]["allDaemonStatuses"]
    ill = [status["daemonType"] for status in statuses if status["required"] and not status["healthy"]]
    if ill:
        raise NotReady(f"no heartbeat yet from the Dagster daemons {', '.join(ill)}")


def check_dashboard(settings: Settings) -> None:
    """Pass if Streamlit serves pages."""
    with urllib.request.urlopen(f"{settings.dashboard_url}/_stcore/health", timeout=PROBE_TIMEOUT_S) as reply:  # noqa: S310 - the platform's own setting
        if reply.read() != b"ok":
            raise NotReady("the dashboard does not serve pages yet")


def check_api(settings: Settings) -> None:
    """Pass if the API answers requests."""
    with urllib.request.urlopen(f"{settings.api_url}/alive", timeout=PROBE_TIMEOUT_S) as reply:  # noqa: S310 - the platform's own setting
        if reply.read() != b"ok":
            raise NotReady("the API does not answer requests yet")


def graphql(settings: Settings, query: str, url: str = "") -> dict[str, Any]:
    """Return the ``data`` of a GraphQL answer of the Dagster web server, or of the one at another address."""
    request = urllib.request.Request(  # noqa: S310 - the address is the platform's own setting
        f"{url or settings.dagster_url}/graphql",
        json.dumps({"query": query}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=PROBE_TIMEOUT_S) as reply:  # noqa: S310 - the platform's own setting
        answer: dict[str, Any] = json.load(reply)
    if "errors" in answer:
        raise NotReady(f"Dagster: {answer['errors'][0]['message']}")
    return dict(answer["data"])


def check_metrics(settings: Settings) -> None:
    """Pass if the endpoint answers a scrape."""
    with urllib.request.urlopen(settings.metrics_url, timeout=3 * PROBE_TIMEOUT_S) as reply:  # noqa: S310 - the platform's own setting
        if b"flights_store_up" not in reply.read():
            raise NotReady("the metrics endpoint serves no metrics yet")
