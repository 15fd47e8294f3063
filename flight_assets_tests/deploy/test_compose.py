"""The Compose files: accepted by Docker Compose, and the same as what the code's table of services says."""

from __future__ import annotations

import json
import re
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from sqlalchemy import create_engine

from flight_assets.platform import config as configured
from flight_assets.platform.foreground import find
from flight_assets.platform.jars import read_lock
from flight_assets.platform.services import further_services
from flight_assets.platform.services import services as table
from flight_assets.settings import BASE_PORTS, LOOPBACK, Settings
from flight_assets_tests.cluster import zookeeper
from flight_assets_tests.deploy.compose import (
    BASE,
    DEPLOY,
    FILES,
    FILLED_IN,
    OVERLAYS,
    config,
    example,
    is_one_shot,
    is_ours,
    needs,
    run,
    services,
    settings_in,
    variables,
)

EMBEDDED = Settings(
    _env_file=None,
    home="/var/lib/flights",
    cache_dir="/opt/flights/cache",
    java_home="/opt/java",
    port_offset=0,
)
TABLE = {service.name: service for service in (*table(EMBEDDED), *further_services(EMBEDDED))}
CONTAINER_OF = {"mongod": "mongodb"}
OF_OTHER_IMAGES = {"mongod", "redis", "kafka", "namenode", "datanode"}
TIERS = ["infrastructure", "data", "processing", "applications"]
# Its image writes the configuration that it makes of its variables into its own folder.
WRITABLE = {"kafka", "kafka-2", "kafka-3", "zookeeper"}
STACKS = [(), *((overlay,) for overlay in OVERLAYS)]
CONTAINERS = [
    pytest.param(stack, name, id="-".join((*stack, name))) for stack in STACKS for name in services(*stack)
]

# Which setting says where an endpoint of the table is.
ADDRESSES = {
    "kafka_bootstrap_servers": "kafka", "hdfs_url": "namenode", "hdfs_http_url": "namenode_http",
    "metastore_uri": "metastore",
    "spark_master": "spark_master", "spark_remote": "spark_connect", "spark_ui_url": "spark_ui",
    "hiveserver2_address": "hiveserver2",
    "mongo_uri": "mongod", "redis_url": "redis", "dagster_url": "dagster_webserver",
    "dagster_code_address": "dagster_code",
    "metrics_url": "metrics", "dashboard_url": "dashboard", "api_url": "api",
}  # fmt: skip


def container_of(name: str) -> str:
    return CONTAINER_OF.get(name, name)


def endpoint_owner(endpoint: str) -> str:
    return next(container_of(service.name) for service in TABLE.values() if endpoint in service.ports)


# --- the files


@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: "-".join(stack) or "alone")
def test_docker_compose_accepts_the_files(stack):
    assert config(*stack)["name"] == "flights"


def test_docker_compose_checks_its_schema(tmp_path):
    """Or the test above would say little."""
    (tmp_path / BASE).write_text("services: {a: {image: b, heathcheck: {}}}\n")
    done = run(BASE, variables={}, folder=tmp_path)
    assert done.returncode != 0
    assert "heathcheck" in done.stderr


@pytest.mark.parametrize("name", sorted(FILLED_IN))
def test_what_has_no_default_must_be_set(name):
    given = {key: value for key, value in FILLED_IN.items() if key != name}
    done = run(BASE, "docker-compose.tls.yml", variables=given)
    assert done.returncode != 0
    assert f"set {name}" in done.stderr


def test_the_example_names_the_variables_that_are_used():
    used = set().union(*(variables((DEPLOY / name).read_text()) for name in FILES))
    assert set(example()) == used
    assert {name for name, value in example().items() if not value} == {
        *FILLED_IN,
        "FLIGHTS_ALERT_WEBHOOK_URL",
        "FLIGHTS_AIRFLOW_URL",
    }


def test_the_example_gives_the_defaults_of_the_files():
    written = [
        match for name in FILES for match in re.findall(r"\$\{(\w+):-([^}]*)\}", (DEPLOY / name).read_text())
    ]
    assert set(written) == {(name, value) for name, value in example().items() if name not in FILLED_IN}


# --- each container


@pytest.mark.parametrize(("stack", "name"), CONTAINERS)
def test_a_container_is_confined(stack, name):
    service = services(*stack)[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert (service["user"].split(":")[0] == "0") == (name == "hdfs-volumes")
    assert service.get("read_only", False) == (name not in WRITABLE)
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert service["restart"] in ("unless-stopped", "on-failure", "no")
    assert service["init"]


@pytest.mark.parametrize(("stack", "name"), CONTAINERS)
def test_an_image_is_pinned_to_a_version(stack, name):
    image = services(*stack)[name]["image"]
    tag = image.rsplit(":", 1)[1]
    assert re.match(r"\d+\.\d+", tag)
    assert not image.startswith(("bitnami/", "bde2020/", "wurstmeister/", "confluentinc/"))


@pytest.mark.parametrize(("stack", "name"), CONTAINERS)
def test_what_runs_on_has_a_health_check_and_what_waits_asks_for_it(stack, name):
    found = services(*stack)
    assert ("healthcheck" in found[name]) != is_one_shot(found[name])
    for other, wait in found[name].get("depends_on", {}).items():
        assert wait["condition"] == (
            "service_completed_successfully" if is_one_shot(found[other]) else "service_healthy"
        )


@pytest.mark.parametrize(("stack", "name"), CONTAINERS)
def test_tiers_start_in_their_order(stack, name):
    found = services(*stack)
    tier = {other: TIERS.index(service["labels"]["flights.tier"]) for other, service in found.items()}
    before = {tier[other] for other in needs(found, name)}
    assert all(other <= tier[name] for other in before)
    # MongoDB waits for nothing: it needs nothing of the tier before.
    if tier[name] and not name.startswith("mongodb"):
        assert tier[name] - 1 in before


@pytest.mark.parametrize(("stack", "name"), CONTAINERS)
def test_secrets_are_files(stack, name):
    for key, value in services(*stack)[name].get("environment", {}).items():
        if re.search(r"PASSWORD|SECRET_KEY|FERNET|JWT|CONN", key):
            assert key.endswith(("_FILE", "_CMD"))
        assert not re.search(r"://[^/@]*:[^/@]*@", str(value))


@pytest.mark.parametrize(("stack", "name"), CONTAINERS)
def test_data_is_in_named_volumes_and_files_of_ours_are_mounted_read_only(stack, name):
    for mount in services(*stack)[name].get("volumes", []):
        if mount["type"] == "volume":
            assert mount["source"] in config(*stack)["volumes"]
        else:
            assert mount["read_only"]
            assert mount["source"].startswith(str(DEPLOY))


@pytest.mark.parametrize(("stack", "name"), CONTAINERS)
def test_a_mounted_file_or_a_file_that_is_run_is_there(stack, name):
    service = services(*stack)[name]
    words = [
        *(service.get("entrypoint") or []),
        *(service.get("command") or []),
        *service.get("healthcheck", {}).get("test", []),
    ]
    for word in map(str, words):
        for mounted in re.findall(r"/etc/flights/\S+", word):
            assert (DEPLOY / mounted.removeprefix("/etc/flights/")).is_file()
            assert any(mounted.startswith(mount["target"]) for mount in service["volumes"])


@pytest.mark.parametrize(("stack", "name"), CONTAINERS)
def test_ports_are_published_on_loopback_unless_said_otherwise(stack, name):
    assert {port["host_ip"] for port in services(*stack)[name].get("ports", [])} <= {LOOPBACK}


@pytest.mark.parametrize(("stack", "name"), CONTAINERS)
def test_every_variable_and_secret_of_ours_is_a_setting(stack, name):
    service = services(*stack)[name]
    names = [
        *service.get("environment", {}),
        *(secret["source"].upper() for secret in service.get("secrets", [])),
    ]
    ours = [key.removeprefix("FLIGHTS_").lower() for key in names if key.startswith("FLIGHTS_")]
    assert set(ours) <= set(Settings.model_fields)
    if is_ours(service):
        settings_in(service)


# --- the table of services


@pytest.mark.parametrize("name", TABLE)
def test_a_service_has_a_container_that_waits_for_what_it_needs(name):
    found = services()
    assert {container_of(need) for need in TABLE[name].needs} <= needs(found, container_of(name))


@pytest.mark.parametrize("name", sorted(set(TABLE) - OF_OTHER_IMAGES))
def test_a_container_of_ours_runs_and_checks_the_tables_service(name):
    container = services()[container_of(name)]
    assert container["command"] == ["service", "run", name]
    assert container["healthcheck"]["test"] == ["CMD", "flights", "service", "check", name]


@pytest.mark.parametrize("name", sorted(set(TABLE) - OF_OTHER_IMAGES))
def test_its_command_is_the_embedded_one_at_another_address(name):
    """So what the tests of the platform run is what a container runs."""
    settings = settings_in(services()[container_of(name)])
    there, here = find(settings, name), TABLE[name]
    moved = {
        settings.bind_host: LOOPBACK,
        settings.advertised_host: LOOPBACK,
        settings.spark_master: EMBEDDED.spark_master,
    }
    assert [moved.get(word, word) for word in there.command] == here.command
    if name in ("dagster-code", "dagster-webserver", "dashboard"):
        assert settings.bind_host in there.command
    assert {key: moved.get(value, value) for key, value in there.environment.items()} == here.environment


@pytest.mark.parametrize("container", [name for name, service in services().items() if is_ours(service)])
def test_every_address_is_that_of_the_container_that_serves_it(container):
    settings = settings_in(services()[container])
    for setting, endpoint in ADDRESSES.items():
        value = getattr(settings, setting)
        found = urlsplit(value if "://" in value else f"any://{value}")
        assert (found.hostname, found.port) == (endpoint_owner(endpoint), BASE_PORTS[endpoint]), setting


def published() -> dict[str, set[int]]:
    """The ports of this machine by container; each has the same number in its container."""
    found = {name: service.get("ports", []) for name, service in services().items()}
    assert all(int(port["published"]) == port["target"] for ports in found.values() for port in ports)
    return {name: {port["target"] for port in ports} for name, ports in found.items() if ports}


# Which role gets what at which port of the proxy.
PROXIED = re.findall(
    r'"(?:~\^)?(\d+) \(?([a-z|]+)\)?\$?" ([a-z-]+):(\d+);', (DEPLOY / "proxy/nginx.conf").read_text()
)


def test_pages_are_published_by_the_proxy_only():
    at_proxy = {int(port) for port, _, _, _ in PROXIED}
    own = {
        name: {BASE_PORTS[endpoint]}
        for name, endpoint in (("spark", "hiveserver2"), ("metrics", "metrics"), ("api", "api"))
    }
    assert published() == own | {"airflow-api-server": {8080}, "proxy": at_proxy}
    listening = re.findall(r"listen (\d+) ssl;", (DEPLOY / "proxy/nginx.conf").read_text())
    assert {int(port) for port in listening} == at_proxy


def test_the_proxy_finds_each_page_where_its_container_serves_it():
    pages = ("dashboard", "dagster_viewer", "dagster_webserver", "spark_ui", "namenode_http", "metrics")
    assert {(name, int(port)) for _, _, name, port in PROXIED} == {
        (endpoint_owner(page), BASE_PORTS[page]) for page in pages
    }
    assert {name for _, _, name, _ in PROXIED} <= needs(services(), "proxy")


def test_a_viewer_gets_the_dashboard_and_the_dagster_that_takes_no_changes():
    roles = {name: set(who.split("|")) for _, who, name, _ in PROXIED}
    assert {name for name, who in roles.items() if "viewer" in who} == {"dashboard", "dagster-viewer"}
    assert {name for name, who in roles.items() if "operator" in who} == {"dashboard", "dagster-webserver"}
    assert {name for name, who in roles.items() if "admin" in who} == set(roles) - {"dagster-viewer"}
    assert TABLE["dagster-viewer"].command[-1] == "--read-only"


def test_who_connects_with_a_password_has_its_file():
    for name, service in services().items():
        if is_ours(service) and service["labels"]["flights.tier"] == "applications" and name != "producer":
            settings = settings_in(service)
            assert "flights:flights_mongo_password@" in settings.mongo_uri
            assert "default:flights_redis_password@" in settings.redis_url
    assert "dagster:flights_dagster_db_password@" in settings_in(services()["dagster-code"]).dagster_db_url


def test_the_dashboard_signs_in_to_airflow_as_a_viewer_whose_password_is_a_file(tmp_path):
    dashboard = settings_in(services()["dashboard"])
    assert dashboard.airflow_password.get_secret_value() == "flights_airflow_password"
    assert (dashboard.airflow_url, example()["FLIGHTS_AIRFLOW_URL"]) == (
        "",
        "",
    )  # without the profile there is no Airflow to show
    users = services()["airflow-migrate"]["environment"]["AIRFLOW_USERS"].split(",")
    assert f"{dashboard.airflow_user}:Viewer" in users
    for name, service in services().items():
        if name.startswith("airflow-"):
            assert service["environment"]["AIRFLOW__CORE__AUTH_MANAGER"].endswith(".FabAuthManager")
            has_passwords = "airflow_passwords" in {secret["source"] for secret in service["secrets"]}
            assert has_passwords == (name == "airflow-migrate")

    subprocess.run(["bash", DEPLOY / "secrets.sh", tmp_path], check=True)
    passwords = json.loads((tmp_path / "airflow_passwords").read_text())
    assert set(passwords) == {user.split(":")[0] for user in users}
    assert passwords[dashboard.airflow_user] == (tmp_path / "flights_airflow_password").read_text()
    assert {Path(secret["file"]).name for secret in config()["secrets"].values()} == {
        path.name for path in tmp_path.iterdir()
    }


def test_the_address_of_airflow_that_the_example_names_is_its_containers():
    port = services()["airflow-api-server"]["ports"][0]["target"]
    assert (
        f"# With --profile airflow: http://airflow-api-server:{port}," in (DEPLOY / "env.example").read_text()
    )


def test_the_driver_of_dagsters_database_is_installed():
    assert create_engine(settings_in(services()["dagster-code"]).dagster_db_url).dialect.driver == "psycopg2"


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
