"""Servers of other images: configured as the embedded ones, alone and in three."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest

from flight_assets.platform import config as configured
from flight_assets.platform.jars import read_lock
from flight_assets.settings import LOOPBACK
from flight_assets_tests.cluster import zookeeper
from flight_assets_tests.deploy.compose import (
    DEPLOY,
    is_ours,
    needs,
    services,
    settings_in,
)
from flight_assets_tests.deploy.stacks import EMBEDDED, STACKS, TABLE

# --- images that are not ours: the same properties as the embedded services have


@pytest.mark.parametrize(
    ("container", "artifact"),
    [
        ("kafka", "kafka_2.13"),
        ("namenode", "hadoop-hdfs"),
        ("datanode", "hadoop-hdfs"),
        ("hdfs-volumes", "hadoop-hdfs"),
    ],
)
def test_the_images_version_is_the_one_of_the_jars(container, artifact):
    locked = next(jar.version for jar in read_lock() if jar.artifact == artifact)
    assert services()[container]["image"].endswith(f":{locked}")


def as_variables(properties: dict[str, object]) -> dict[str, str]:
    return {f"KAFKA_{key.replace('.', '_').upper()}": str(value) for key, value in properties.items()}


def test_kafkas_variables_are_the_properties_of_the_embedded_broker():
    own = {"CLUSTER_ID", "KAFKA_HEAP_OPTS"}
    where = {
        "KAFKA_CONTROLLER_QUORUM_VOTERS",
        "KAFKA_LISTENERS",
        "KAFKA_ADVERTISED_LISTENERS",
        "KAFKA_LOG_DIRS",
    }
    wanted = as_variables(configured.kafka_properties(EMBEDDED))
    found = services()["kafka"]["environment"]
    assert {key: value for key, value in found.items() if key not in own | where} == {
        key: value for key, value in wanted.items() if key not in where
    }
    assert where <= set(found)
    moved = {
        key: wanted[key].replace(f"//{LOOPBACK}", "//").replace(LOOPBACK, "kafka")
        for key in where - {"KAFKA_LOG_DIRS"}
    }
    moved["KAFKA_ADVERTISED_LISTENERS"] = moved["KAFKA_ADVERTISED_LISTENERS"].replace("//", "//kafka")
    assert {key: found[key] for key in moved} == moved


def test_the_broker_of_zookeeper_has_the_properties_that_the_old_line_knows():
    lines = (DEPLOY / "kafka/zookeeper.properties").read_text().splitlines()
    found = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    embedded = {key: str(value) for key, value in configured.kafka_properties(EMBEDDED).items()}
    kraft = {"process.roles", "node.id", "listener.security.protocol.map"}
    kraft |= {key for key in embedded if key.startswith(("controller.", "share."))}
    where = {"listeners", "advertised.listeners", "log.dirs"}
    assert set(found) == set(embedded) - kraft | {"broker.id", "zookeeper.connect"}
    assert {key: found[key] for key in set(embedded) - kraft - where} == {
        key: embedded[key] for key in set(embedded) - kraft - where
    }


def test_hdfs_properties_are_those_of_the_embedded_servers():
    root = ElementTree.parse(DEPLOY / "hadoop/hdfs-site.xml").getroot()  # noqa: S314 - our own file
    found = {entry.findtext("name"): entry.findtext("value") for entry in root}
    embedded = configured.hdfs_properties(EMBEDDED)
    clients = set(configured.hdfs_client_properties(EMBEDDED)) - {"dfs.replication"}
    assert set(found) == set(embedded) - clients
    assert found["dfs.permissions.enabled"] == "true"
    where = {key for key, value in embedded.items() if LOOPBACK in str(value) or "file://" in str(value)} | {
        "dfs.replication",
        "dfs.permissions.enabled",
    }
    assert {key: found[key] for key in set(found) - where} == {
        key: str(embedded[key]) for key in set(found) - where
    }
    ports = {
        key: str(embedded[key]).rsplit(":", 1)[1] for key in where if re.search(r":\d+$", str(embedded[key]))
    }
    assert {key: found[key].rsplit(":", 1)[1] for key in ports} == ports


def test_hdfs_replication_is_the_same_for_servers_and_clients():
    for stack in STACKS:
        found = services(*stack)
        asked = {settings_in(service).hdfs_replication for service in found.values() if is_ours(service)}
        served = {
            int(found[name]["environment"]["HDFS_REPLICATION"])
            for name in found
            if name.startswith(("namenode", "datanode"))
        }
        assert asked == served == {sum(name.startswith("datanode") for name in found)}


def flags(words: list[str]) -> dict[str, str]:
    return {word: value for word, value in pairwise(words) if word.startswith("--")}


def test_redis_is_configured_as_the_embedded_one():
    lines = (DEPLOY / "redis/redis.conf").read_text().splitlines()
    found = {f"--{key}": value for key, value in (line.split(" ", 1) for line in lines)}
    wanted = flags(TABLE["redis"].command)
    for key in ("--daemonize", "--set-proc-title", "--dir", "--bind"):
        wanted.pop(key)
    assert {key: value for key, value in found.items() if key not in ("--dir", "--bind")} == wanted


def test_mongod_is_started_as_the_embedded_one():
    start = (DEPLOY / "mongo/start.sh").read_text().splitlines()[-1].split()
    found = flags([*start, *services()["mongodb"]["command"], ""])
    embedded = flags(TABLE["mongod"].command)
    for key in ("--replSet", "--wiredTigerCacheSizeGB", "--oplogSize"):
        assert found[key] == embedded[key]


# --- the overlays


def containers(stack: str, prefix: str) -> dict[str, Any]:
    return {
        name: service for name, service in services(stack).items() if re.fullmatch(rf"{prefix}(-\d)?", name)
    }


def test_high_availability_has_three_of_each_and_two_workers():
    ha = "docker-compose.ha.yml"
    assert [len(containers(ha, name)) for name in ("kafka", "datanode", "mongodb", "spark-worker")] == [
        3,
        3,
        3,
        2,
    ]
    brokers = containers(ha, "kafka")
    assert sorted(int(broker["environment"]["KAFKA_NODE_ID"]) for broker in brokers.values()) == [1, 2, 3]
    for name, broker in brokers.items():
        given = broker["environment"]
        assert (given["KAFKA_DEFAULT_REPLICATION_FACTOR"], given["KAFKA_MIN_INSYNC_REPLICAS"]) == ("3", "2")
        assert {value for key, value in given.items() if key.endswith("REPLICATION_FACTOR")} == {"3"}
        assert {value for key, value in given.items() if key.endswith("MIN_ISR")} == {"2"}
        assert given["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{name}:9092"
        assert given["KAFKA_CONTROLLER_QUORUM_VOTERS"] == "1@kafka:9093,2@kafka-2:9093,3@kafka-3:9093"
    assert (
        services(ha)["mongodb"]["environment"]["MONGO_MEMBERS"]
        == "mongodb:27017,mongodb-2:27017,mongodb-3:27017"
    )
    assert all(
        "MONGO_MEMBERS" not in services(ha)[name]["environment"] for name in ("mongodb-2", "mongodb-3")
    )
    for name, worker in containers(ha, "spark-worker").items():
        assert worker["environment"]["FLIGHTS_ADVERTISED_HOST"] == name
    for name, node in containers(ha, "datanode").items():
        assert node["hostname"] == name


def test_high_availability_gives_every_server_its_own_volume():
    for prefix in ("kafka", "datanode", "mongodb", "spark-worker"):
        found = containers("docker-compose.ha.yml", prefix)
        sources = [
            mount["source"]
            for service in found.values()
            for mount in service["volumes"]
            if mount["type"] == "volume" and mount["source"] != "service-state"
        ]
        assert len(sources) == len(set(sources)) == len(found)
    owned = {mount["source"] for mount in services("docker-compose.ha.yml")["hdfs-volumes"]["volumes"]}
    assert owned == {"namenode-data", "datanode-data", "datanode-2-data", "datanode-3-data"}


def test_high_availability_tells_every_client_of_all_members():
    for service in services("docker-compose.ha.yml").values():
        if is_ours(service):
            settings = settings_in(service)
            assert settings.kafka_bootstrap_servers == "kafka:9092,kafka-2:9092,kafka-3:9092"
            assert "mongodb:27017,mongodb-2:27017,mongodb-3:27017/" in settings.mongo_uri


def test_zookeeper_goes_with_the_line_of_kafka_that_has_it():
    found = services("docker-compose.zookeeper.yml")
    tested = next(jar.version for jar in read_lock(zookeeper.LOCK_FILE) if jar.artifact == "kafka_2.13")
    assert found["kafka"]["image"] == f"apache/kafka:{tested}"
    assert found["kafka"]["command"][-1] == "/etc/flights/kafka/zookeeper.properties"
    assert "zookeeper" in needs(found, "kafka")
    data = [
        mount["source"] for mount in found["kafka"]["volumes"] if mount["target"] == "/var/lib/kafka/data"
    ]
    assert data == ["kafka-zookeeper-data"]


def test_tls_leaves_no_plain_listener_and_every_client_the_authority():
    found = services("docker-compose.tls.yml")
    kafka = found["kafka"]["environment"]
    assert kafka["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"] == "TLS:SSL,CONTROLLER:SSL"
    assert {listener.split(":")[0] for listener in kafka["KAFKA_LISTENERS"].split(",")} == {
        "TLS",
        "CONTROLLER",
    }
    assert flags(found["mongodb"]["command"])["--tlsMode"] == "requireTLS"
    assert (flags(found["redis"]["command"])["--port"], flags(found["redis"]["command"])["--tls-port"]) == (
        "0",
        "6379",
    )
    for service in found.values():
        if is_ours(service):
            settings = settings_in(service)
            assert settings.kafka_ca_file == "/run/secrets/tls_ca"
            assert "tls_ca" in {secret["source"] for secret in service["secrets"]}
            assert settings.redis_url.startswith("rediss://")
            assert "tls=true" in settings.mongo_uri
