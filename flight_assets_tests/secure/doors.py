"""Each way into a secured platform: who knocks, what for, and by which words the server refuses.

No words where it must let one in. Kafka is asked by confluent-kafka and HiveServer2 by pyhive, which the
platform does not use; Connect by bare gRPC, for its own answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import requests

from flight_assets.settings import Settings
from flight_assets_tests.secure.attempts import (
    INSERT,
    TABLE,
    TIMEOUT_S,
    WRONG,
    as_role,
    ask_connect,
    connect_sql,
    drop_flights,
    find_flights,
    hive_plain,
    hive_sql,
    insert_flight,
    internal_listener,
    list_topics,
    make_topic,
    make_user,
    plain_text,
    producers_password,
    read_as_nobody,
    read_file,
    read_secret,
    read_topic,
    redis_command,
    remove_tables,
    send_message,
    write_elsewhere,
    write_file,
    wrong_password,
)

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
