"""Attempts at each door of a secured platform, each by a plain client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import requests

from flight_assets.contracts.tables import DIM_AIRLINE
from flight_assets.settings import Settings
from flight_assets.stores import mongo, redis, spark_connection, warehouse
from flight_assets.stores.hdfs import Hdfs
from flight_assets_tests import hive

TIMEOUT_S = 16
WRONG = "wr0ng"
TABLE = DIM_AIRLINE.name
INSERT = f"INSERT INTO flight_dw.{TABLE} SELECT * FROM flight_dw.{TABLE}"


def as_role(role: str, **given: Any) -> Settings:
    """The settings of a process of that role, soon out of patience."""
    return Settings(role=role, timeout_s=TIMEOUT_S / 2, **given)


def wrong_password() -> Settings:
    return as_role("pipeline", **dict.fromkeys(("mongo_password", "redis_password", "spark_token"), WRONG))


def plain_text() -> Settings:
    """Clients that sign in rightly, but do not encrypt."""
    own = as_role("pipeline")
    return own.model_copy(
        update={
            "mongo_uri": own.mongo_uri.replace("&tls=true", "").split("&tlsCAFile=")[0],
            "redis_url": own.redis_url.replace("rediss://", "redis://").split("?")[0],
        }
    )


# --- MongoDB


def find_flights(settings: Settings) -> object:
    with mongo.database(settings) as db:
        return db[mongo.FLIGHTS].find_one()


def insert_flight(settings: Settings) -> object:
    with mongo.database(settings) as db:
        return db["stranger"].insert_one({})


def drop_flights(settings: Settings) -> object:
    with mongo.database(settings) as db:
        return db.drop_collection(mongo.FLIGHTS)


def write_elsewhere(settings: Settings) -> object:
    with mongo.connect(settings) as client:
        return client["elsewhere"]["stranger"].insert_one({})


def make_user(settings: Settings) -> object:
    with mongo.connect(settings) as client:
        return client.admin.command("createUser", "stranger", pwd=WRONG, roles=["root"])


def producers_password() -> Settings:
    """The producer tries the name and the password that Kafka knows it by."""
    own = as_role("producer")
    uri = own.mongo_uri.replace("mongodb://", "mongodb://producer@")
    return as_role("producer", mongo_uri=uri, mongo_password=own.kafka_password.get_secret_value())


# --- Redis


def redis_command(*words: str) -> Callable[[Settings], object]:
    def knock(settings: Settings) -> object:
        with redis.connect(settings) as client:
            return client.execute_command(*words)

    return knock


# --- Kafka


def _kafka(settings: Settings, **given: Any) -> dict[str, Any]:
    login = {
        "sasl.username": settings.kafka_user,
        "sasl.password": settings.kafka_password.get_secret_value(),
    }
    return {
        "bootstrap.servers": settings.kafka_bootstrap_servers, "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512", **login,
        "ssl.ca.location": settings.kafka_ca_file, "socket.timeout.ms": 1000 * TIMEOUT_S // 2, "log_level": 0,
        **given,
    }  # fmt: skip


def list_topics(**given: Any) -> Callable[[Settings], object]:
    """Topics that one sees, with other options of the client. What the broker said is in the error."""

    def knock(settings: Settings) -> object:
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        said: list[str] = []
        client = AdminClient(_kafka(settings, error_cb=lambda error: said.append(error.str()), **given))
        try:
            return sorted(client.list_topics(timeout=TIMEOUT_S / 2).topics)
        except KafkaException as error:
            client.poll(1)
            raise PermissionError(f"{error} {said}") from error

    return knock


def internal_listener(settings: Settings) -> object:
    """Where brokers meet, without their certificate."""
    return list_topics(
        **{"bootstrap.servers": settings.address("kafka_internal"), "security.protocol": "SSL"}
    )(settings)


def send_message(topic: str) -> Callable[[Settings], object]:
    def knock(settings: Settings) -> object:
        from confluent_kafka import Producer

        reports: list[str] = []
        client = Producer(
            _kafka(settings, **{"enable.idempotence": True, "message.timeout.ms": 500 * TIMEOUT_S})
        )
        client.produce(topic, b"stranger", on_delivery=lambda error, _message: reports.append(repr(error)))
        client.flush(TIMEOUT_S)
        if reports != ["None"]:
            raise PermissionError(str(reports))
        return reports

    return knock


def read_topic(settings: Settings) -> object:
    """The first message. What a client that commits nothing is told of its group does not matter."""
    from confluent_kafka import Consumer, KafkaError, TopicPartition

    client = Consumer(_kafka(settings, **{"group.id": "stranger", "enable.auto.commit": False}))
    try:
        client.assign([TopicPartition(settings.kafka_topic, 0, 0)])
        for message in iter(lambda: client.poll(TIMEOUT_S), None):
            if not message.error():
                return message.value()
            if message.error().code() != KafkaError.GROUP_AUTHORIZATION_FAILED:
                raise PermissionError(repr(message.error()))
    finally:
        client.close()
    raise TimeoutError("no message came")


def make_topic(settings: Settings) -> object:
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.cimpl import NewTopic

    client = AdminClient(_kafka(settings))
    return client.create_topics([NewTopic("stranger", 1, 1)])["stranger"].result(TIMEOUT_S)


# --- HDFS


def read_file(settings: Settings) -> object:
    return Hdfs(settings).read("/metadata/batch_00000000.json")


def write_file(settings: Settings) -> object:
    return Hdfs(settings).write(f"/metadata/{uuid4().hex}", b"stranger")


def remove_tables(settings: Settings) -> object:
    hdfs = Hdfs(settings)
    hdfs.delete(settings.warehouse_dir)
    return hdfs


def read_as_nobody(settings: Settings) -> object:
    """WebHDFS without a name."""
    answer = requests.get(
        f"{settings.hdfs_http_url}/webhdfs/v1/metadata", params={"op": "LISTSTATUS"}, timeout=TIMEOUT_S
    )
    if not answer.ok:
        raise PermissionError(answer.text)
    return answer.json()


# --- Spark


def ask_connect(token: str | None = None) -> Callable[[Settings], object]:
    """The version of Spark, by a call with that token, or the settings' own if it is an empty one."""

    def knock(settings: Settings) -> object:
        import grpc
        from pyspark.sql.connect.proto import AnalyzePlanRequest, UserContext
        from pyspark.sql.connect.proto.base_pb2_grpc import SparkConnectServiceStub

        request = AnalyzePlanRequest(session_id=str(uuid4()), user_context=UserContext(user_id="stranger"))
        request.spark_version.SetInParent()
        shown = token or settings.spark_token.get_secret_value()
        with grpc.insecure_channel(settings.address("spark_connect")) as channel:
            metadata = [] if token is None else [("authorization", f"Bearer {shown}")]
            return (
                SparkConnectServiceStub(channel)
                .AnalyzePlan(request, timeout=TIMEOUT_S, metadata=metadata)
                .spark_version.version
            )

    return knock


def connect_sql(statement: str, **conf: str) -> Callable[[Settings], object]:
    def knock(settings: Settings) -> object:
        from pyspark.sql import SparkSession

        spark_connection.refuse_unreachable(settings)
        session = SparkSession.builder.remote(settings.spark_remote).create()
        try:
            house = warehouse.prepare(session, settings)
            for name, value in conf.items():
                house.spark.conf.set(name, value)
            return house.spark.sql(statement).collect()
        finally:
            session.stop()

    return knock


def hive_sql(statement: str, password: str = "", **configuration: str) -> Callable[[Settings], object]:
    """``password`` may be the name of a secret, whose value is meant."""

    def knock(settings: Settings) -> object:
        shown = settings.secret(password).get_secret_value() or password
        connection = hive.connect(settings, settings.role, shown, **configuration)
        try:
            cursor = connection.cursor()
            cursor.execute(statement)
            return cursor.fetchall()
        finally:
            connection.close()

    return knock


def read_secret(settings: Settings) -> object:
    """Spark's process may read the file; whoever asks it may not."""
    return hive_sql(f"SELECT * FROM text.`file://{settings.secrets_dir}/spark_token`")(settings)


def hive_plain(auth: str) -> Callable[[Settings], object]:
    """Without TLS."""

    def knock(settings: Settings) -> object:
        from pyhive import hive as driver

        host, port = settings.hiveserver2_address.split(":")
        password = settings.secret("hive_pipeline").get_secret_value() if auth == "CUSTOM" else None
        return driver.connect(host, int(port), username="pipeline", auth=auth, password=password)

    return knock
