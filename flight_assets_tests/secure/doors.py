"""Each way into a secured platform: who knocks, what for, and by which words the server refuses.

No words where it must let one in. Kafka is asked by confluent-kafka and HiveServer2 by pyhive, which the
platform does not use; Connect by bare gRPC, for its own answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
    from confluent_kafka.admin import AdminClient, NewTopic

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


# --- API


def ask_api(key: str | None = None, path: str = "/v1/flights") -> Callable[[Settings], object]:
    """A page of the API with that key; with the key of this machine if it is an empty text."""

    def knock(settings: Settings) -> object:
        shown = key or settings.api_key_file.read_text().strip()
        headers = {} if key is None else {"Authorization": f"Bearer {shown}"}
        answer = requests.get(f"{settings.api_url}{path}", headers=headers, timeout=TIMEOUT_S)
        if not answer.ok:
            raise PermissionError(answer.text)
        return answer.json()

    return knock


@dataclass(frozen=True)
class Door:
    """``who`` makes the settings of the one who knocks.

    ``refusal`` is a pattern of the server's words, empty if it must let one in.
    """

    store: str
    name: str
    who: Callable[[], Settings]
    knock: Callable[[Settings], object]
    refusal: str = ""

    def __str__(self) -> str:
        return f"{self.store}: {self.name}"


def role(name: str) -> Callable[[], Settings]:
    return lambda: as_role(name)


COUNT = f"SELECT count(*) FROM flight_dw.{TABLE}"
READ_ONLY = "this session is read-only"
WRITING = {"spark.flights.readOnly": "false"}
HIVE_WRITING = {"set:hiveconf:spark.flights.readOnly": "false"}
CUT_OFF = "[Cc]onnection closed|reset by peer|Connection lost"
# Kafka answers nothing to who does not begin by a TLS handshake or by signing in; its log says why.
DROPPED = "Broker transport failure"
# HiveServer2 answers by an alarm of TLS, which is no answer of Thrift's.
NO_ANSWER = "TSocket read 0 bytes|Bad status|reset by peer|Length exceeded"
DENIED = "TOPIC_AUTHORIZATION_FAILED"

DOORS = (
    Door("MongoDB", "the pipeline reads", role("pipeline"), find_flights),
    Door("MongoDB", "the dashboard reads", role("dashboard"), find_flights),
    Door("MongoDB", "nobody reads", role("producer"), find_flights, "requires authentication"),
    Door("MongoDB", "the producer signs in", producers_password, find_flights, "Authentication failed"),
    Door("MongoDB", "a wrong password", wrong_password, find_flights, "Authentication failed"),
    Door("MongoDB", "plain text", plain_text, find_flights, CUT_OFF),
    Door("MongoDB", "the dashboard writes", role("dashboard"), insert_flight,
        "not authorized on flight_tracking to execute command"),
    Door("MongoDB", "the dashboard drops", role("dashboard"), drop_flights,
        "not authorized on flight_tracking to execute command"),
    Door("MongoDB", "the pipeline writes elsewhere", role("pipeline"), write_elsewhere,
        "not authorized on elsewhere to execute command"),
    Door("MongoDB", "the pipeline makes a user", role("pipeline"), make_user,
        "not authorized on admin to execute command"),
    Door("Redis", "the pipeline reads", role("pipeline"), redis_command("HGETALL", "dim:airline")),
    Door("Redis", "the dashboard reads", role("dashboard"), redis_command("HGETALL", "dim:airline")),
    Door("Redis", "the dashboard caches", role("dashboard"),
        redis_command("SET", "flights:result:stranger", "1", "EX", "5")),
    Door("Redis", "nobody reads", role("producer"), redis_command("PING"),
        "Authentication required|with the client already authenticated"),
    Door("Redis", "a wrong password", wrong_password, redis_command("PING"),
        "invalid username-password pair"),
    Door("Redis", "plain text", plain_text, redis_command("PING"), CUT_OFF),
    Door("Redis", "the dashboard writes", role("dashboard"), redis_command("SET", "dim:airline:XX", "1"),
        "no permissions to access"),
    Door("Redis", "the dashboard empties", role("dashboard"), redis_command("FLUSHALL"),
        "no permissions to run the 'flushall' command"),
    Door("Redis", "the pipeline makes a user", role("pipeline"), redis_command("ACL", "SETUSER", "stranger"),
        "no permissions to run"),
    Door("Kafka", "the pipeline reads", role("pipeline"), read_topic),
    Door("Kafka", "the dashboard reads", role("dashboard"), read_topic),
    Door("Kafka", "the producer is known", role("producer"), list_topics()),
    Door("Kafka", "no login", role("pipeline"), list_topics(**{"security.protocol": "SSL"}), DROPPED),
    Door("Kafka", "plain text", role("pipeline"), list_topics(**{"security.protocol": "PLAINTEXT"}), DROPPED),
    Door("Kafka", "a login in plain text", role("pipeline"),
        list_topics(**{"security.protocol": "SASL_PLAINTEXT"}), DROPPED),
    Door("Kafka", "a wrong password", role("pipeline"), list_topics(**{"sasl.password": WRONG}),
        "invalid credentials"),
    Door("Kafka", "an unknown user", role("pipeline"), list_topics(**{"sasl.username": "stranger"}),
        "invalid credentials"),
    Door("Kafka", "a weaker mechanism", role("pipeline"), list_topics(**{"sasl.mechanism": "PLAIN"}),
        "SASL mechanism"),
    Door("Kafka", "brokers' listener without a certificate", role("pipeline"), internal_listener,
        "certificate"),
    Door("Kafka", "the producer reads", role("producer"), read_topic, DENIED),
    Door("Kafka", "the producer writes elsewhere", role("producer"), send_message("platform_health"), DENIED),
    Door("Kafka", "the dashboard writes", role("dashboard"), send_message("flight_events"), DENIED),
    Door("Kafka", "the dashboard makes a topic", role("dashboard"), make_topic, DENIED),
    Door("Kafka", "the pipeline makes another topic", role("pipeline"), make_topic, DENIED),
    Door("HDFS", "the dashboard reads", role("dashboard"), read_file),
    Door("HDFS", "the dashboard writes", role("dashboard"), write_file,
        "Permission denied: user=dashboard, access=WRITE"),
    Door("HDFS", "the dashboard removes the tables", role("dashboard"), remove_tables,
        "Permission denied: user=dashboard, access=WRITE"),
    Door("HDFS", "the producer reads", role("producer"), read_file,
        "Permission denied: user=producer, access=EXECUTE"),
    Door("HDFS", "nobody reads", role("pipeline"), read_as_nobody,
        "Permission denied: user=dr.who, access=EXECUTE"),
    Door("Connect", "the pipeline asks", role("pipeline"), ask_connect("")),
    Door("Connect", "the dashboard reads", role("dashboard"), connect_sql(COUNT)),
    Door("Connect", "no token", role("pipeline"), ask_connect(), "UNAUTHENTICATED"),
    Door("Connect", "a wrong token", role("pipeline"), ask_connect(WRONG), "UNAUTHENTICATED"),
    Door("Connect", "the dashboard writes", role("dashboard"), connect_sql(INSERT), READ_ONLY),
    Door("HiveServer2", "the pipeline reads", role("pipeline"), hive_sql(COUNT)),
    Door("HiveServer2", "the dashboard reads", role("dashboard"), hive_sql(COUNT)),
    Door("HiveServer2", "a wrong password", role("pipeline"), hive_sql(COUNT, WRONG),
        "Error validating the login"),
    Door("HiveServer2", "another's password", role("dashboard"), hive_sql(COUNT, "hive_pipeline"),
        "Error validating the login"),
    Door("HiveServer2", "an unknown user", role("producer"), hive_sql(COUNT, WRONG),
        "Error validating the login"),
    Door("HiveServer2", "plain text", role("pipeline"), hive_plain("CUSTOM"), NO_ANSWER),
    Door("HiveServer2", "no login", role("pipeline"), hive_plain("NOSASL"), NO_ANSWER),
    Door("HiveServer2", "the dashboard writes", role("dashboard"), hive_sql(INSERT), READ_ONLY),
    Door("HiveServer2", "the dashboard reads a file of the server", role("dashboard"), read_secret,
        READ_ONLY),
    Door("HiveServer2", "the dashboard asks to write", role("dashboard"), hive_sql(INSERT, **HIVE_WRITING),
        READ_ONLY),
    Door("API", "the key of this machine reads", role("dashboard"), ask_api("")),
    Door("API", "no key", role("pipeline"), ask_api(), "the request has no key"),
    Door("API", "a wrong key", role("pipeline"), ask_api(f"flights_{WRONG}abc_{WRONG}"),
        "the key is not valid"),
    Door("API", "no key asks for batches", role("pipeline"), ask_api(path="/v1/batches"),
        "the request has no key"),
)  # fmt: skip
