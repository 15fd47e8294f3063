"""One sentence says which store is down."""

from __future__ import annotations

import socket

import pytest

from flight_assets.errors import FlightsError, StoreUnavailable
from flight_assets.settings import Settings
from flight_assets.stores import outage

ADDRESSES = {
    "Kafka": "kafka_bootstrap_servers",
    "HDFS NameNode": "hdfs_url",
    "Hive metastore": "metastore_uri",
    "Spark Connect": "spark_remote",
    "MongoDB": "mongo_uri",
}
WORKER_TRACE = """
An exception was thrown from the Python worker.
Traceback (most recent call last):
  File "worker.py", line 5, in main
    process()
builtins.ConnectionRefusedError: connection refused

The above exception was the direct cause of the following exception:
pymongo.errors.ServerSelectionTimeoutError: no primary in 15 s

SQLSTATE: 38000
"""


@pytest.fixture
def listening():
    """The port of a server that is there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    """A port at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def stores_at(ports: dict[str, int]) -> Settings:
    """Settings whose stores are at these ports, by name."""
    scheme = {
        "HDFS NameNode": "hdfs://",
        "Hive metastore": "thrift://",
        "Spark Connect": "sc://",
        "MongoDB": "mongodb://",
    }
    addresses = {ADDRESSES[name]: f"{scheme.get(name, '')}127.0.0.1:{port}" for name, port in ports.items()}
    return Settings(_env_file=None, **addresses)


@pytest.fixture
def all_up(listening) -> Settings:
    return stores_at(dict.fromkeys(ADDRESSES, listening))


@pytest.mark.parametrize("name", ADDRESSES)
def test_the_one_store_that_is_down_is_named_with_its_address(listening, closed_port, name):
    settings = stores_at({**dict.fromkeys(ADDRESSES, listening), name: closed_port})
    said = outage.explain(settings, RuntimeError("channel closed\nat Somewhere.scala"))
    assert (
        said
        == f"{name} does not answer at 127.0.0.1:{closed_port}: see `flights status`, then run again (channel"
        " closed)"
    )


def test_all_stores_that_are_down_are_named(closed_port):
    said = outage.explain(stores_at(dict.fromkeys(ADDRESSES, closed_port)), RuntimeError("x"))
    assert all(f"{name} does not answer at 127.0.0.1:{closed_port}" in said for name in ADDRESSES)


def test_the_silent_server_of_a_replica_set_is_named(all_up, listening, closed_port):
    uri = f"mongodb://user:secret@127.0.0.1:{listening},127.0.0.1:{closed_port}/db?replicaSet=flights"
    said = outage.explain(all_up.model_copy(update={"mongo_uri": uri}), RuntimeError("x"))
    assert said.startswith(f"MongoDB does not answer at 127.0.0.1:{closed_port}: ")
    assert "secret" not in said


def test_the_silent_one_of_several_brokers_is_named(all_up, listening, closed_port):
    brokers = f"127.0.0.1:{closed_port},127.0.0.1:{listening}"
    said = outage.explain(all_up.model_copy(update={"kafka_bootstrap_servers": brokers}), RuntimeError("x"))
    assert said.startswith(f"Kafka does not answer at 127.0.0.1:{closed_port}: ")


def test_an_error_that_explains_itself_is_left_as_it_is(closed_port):
    settings = stores_at(dict.fromkeys(ADDRESSES, closed_port))
    assert (
        outage.explain(settings, FlightsError("there is no model: train one"))
        == "there is no model: train one"
    )
    assert (
        outage.explain(settings, StoreUnavailable("Redis", "h:1", "start it"))
        == "Redis does not answer at h:1: start it"
    )


def test_with_every_store_up_the_first_line_of_the_error_is_said(all_up):
    assert outage.explain(all_up, ValueError("\nwrong shape\nmore")) == "ValueError: wrong shape"


def test_of_a_python_workers_trace_the_last_exception_is_said(all_up):
    said = outage.explain(all_up, RuntimeError(WORKER_TRACE))
    assert said == "RuntimeError: pymongo.errors.ServerSelectionTimeoutError: no primary in 15 s"


def test_an_error_without_text_is_named(all_up):
    assert outage.explain(all_up, KeyError()) == "KeyError: KeyError"
