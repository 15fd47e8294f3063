"""The networks of the Compose files, and the reports from which the metrics know every container."""

from __future__ import annotations

import re
import subprocess
from itertools import combinations

import pytest

from flight_assets.platform import container_state
from flight_assets_tests.deploy.compose import (
    DEPLOY,
    OVERLAYS,
    config,
    is_one_shot,
    is_ours,
    needs,
    services,
    settings_in,
)

TIERS = ("infrastructure", "data", "processing", "applications")
# The data tier has the name that the specification gives the network.
OF_TIER = {
    "infrastructure": "infrastructure-network",
    "data": "bigdata-network",
    "processing": "processing-network",
    "applications": "applications-network",
}
PAGES = {"dashboard", "dagster-viewer", "dagster-webserver", "spark", "namenode", "metrics"}
STORES = {"kafka", "postgres", "redis", "datanode", "mongodb", "metastore", "spark-master", "spark-worker"}
STACKS = [(), *((overlay,) for overlay in OVERLAYS)]
# Services and those that they ask; the proxy and the pages are below.
ASKS = {
    "producer": {"kafka"},
    "metastore": {"postgres", "namenode", "datanode"},
    "datanode": {"namenode"},
    "spark-worker": {"spark-master", "spark", "namenode", "datanode", "mongodb"},
    "spark": {"spark-master", "spark-worker", "namenode", "datanode", "mongodb", "metastore"},
    "bootstrap": {"kafka", "mongodb", "redis", "namenode", "datanode", "spark"},
    "dagster-code": {"kafka", "postgres", "redis", "mongodb", "namenode", "datanode", "spark", "metrics"},
    "dagster-daemon": {"postgres", "dagster-code"},
    "dagster-webserver": {"postgres", "dagster-code"},
    "dagster-viewer": {"postgres", "dagster-code"},
    "live": {"kafka", "mongodb", "redis", "namenode", "datanode", "spark"},
    "metrics": {"kafka", "mongodb", "redis", "namenode", "datanode", "spark", "dagster-webserver"},
    "dashboard": {"kafka", "mongodb", "redis", "namenode", "datanode", "spark", "airflow-api-server"},
    "api": {"kafka", "mongodb", "redis", "namenode", "spark"},
    "airflow-scheduler": {
        "kafka", "postgres", "redis", "mongodb", "namenode", "spark", "airflow-api-server", "metrics",
    },
}  # fmt: skip


def networks(name: str, *stack: str) -> set[str]:
    return set(services(*stack)[name].get("networks") or ())


def reaches(one: str, other: str) -> bool:
    return bool(networks(one) & networks(other))


def lasting(*stack: str) -> list[str]:
    return [name for name, service in services(*stack).items() if not is_one_shot(service)]


def test_each_network_is_a_bridge_of_its_own_name():
    found = config()["networks"]
    assert {(name, one["name"], one["driver"]) for name, one in found.items()} == {
        (name, name, "bridge") for name in (*OF_TIER.values(), "pages-network")
    }


def test_a_server_is_on_the_network_of_its_tier():
    for name in (*STORES, "namenode", "spark", "dagster-code", "dashboard", "api"):
        assert OF_TIER[services()[name]["labels"]["flights.tier"]] in networks(name)


@pytest.mark.parametrize(("who", "servers"), ASKS.items(), ids=list(ASKS))
def test_who_asks_a_server_shares_a_network_with_it(who, servers):
    assert {server for server in servers if not reaches(who, server)} == set()


def test_the_proxy_reaches_the_pages_and_no_store():
    assert {name for name in services() if name != "proxy" and reaches("proxy", name)} == PAGES | {
        "api",
        "airflow-api-server",
    }
    assert not any(reaches("proxy", store) for store in STORES)


def test_a_producer_reaches_no_store_but_kafka_s_tier():
    tier = {"kafka", "postgres", "redis"}
    assert {store for store in STORES if reaches("producer", store)} - {"metastore"} == tier
    assert not any(reaches("producer", name) for name in ("mongodb", "namenode", "spark", "proxy"))


def test_servers_of_different_tiers_are_apart():
    for one, other in combinations(("kafka", "mongodb", "spark-master"), 2):
        assert not reaches(one, other)
    assert not reaches("spark-worker", "postgres")


def test_a_helper_that_only_owns_folders_has_no_network():
    assert services()["hdfs-volumes"]["network_mode"] == "none"
    assert {name for name in services() if not networks(name)} == {"hdfs-volumes"}


def test_further_members_are_where_the_first_one_is():
    ha = "docker-compose.ha.yml"
    for name in services(ha):
        if first := re.fullmatch(r"(.+)-[23]", name):
            assert networks(name, ha) == networks(first[1], ha)
    assert networks("zookeeper", "docker-compose.zookeeper.yml") == networks("kafka")


def test_at_least_seventeen_services_start_tier_after_tier():
    found = services()
    always = [name for name in lasting() if not found[name].get("profiles")]
    assert len(always) >= 17
    tier = {name: TIERS.index(found[name]["labels"]["flights.tier"]) for name in found}
    for number in range(1, len(TIERS)):
        assert any(
            tier[other] == number - 1
            for name in always
            if tier[name] == number
            for other in needs(found, name)
        )
    assert all(tier[other] <= tier[name] for name in always for other in needs(found, name))


# --- reports of health checks


@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: "-".join(stack) or "alone")
def test_every_container_reports_under_a_name_of_its_own(stack):
    names = []
    for name in lasting(*stack):
        service = services(*stack)[name]
        assert ("/state", "service-state") in {
            (mount["target"], mount["source"]) for mount in service["volumes"]
        }, name
        test = service["healthcheck"]["test"]
        if is_ours(service) and not name.startswith("airflow"):
            settings = settings_in(service)
            assert str(settings.state_dir) == "/state"
            names.append(container_state.service_name(settings, test[-1]))
        else:
            words = " ".join(test).replace("$$HOSTNAME", service.get("hostname", "")).replace('"', "")
            names.append(re.findall(r"sh /etc/flights/health/check\.sh (\S+)", words)[0])
    assert sorted(names) == sorted(name.replace("mongodb", "mongod") for name in lasting(*stack))


@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: "-".join(stack) or "alone")
def test_a_container_that_always_runs_is_missed_if_it_never_reports(stack):
    found = services(*stack)
    named = settings_in(found["metrics"]).reporting_services.replace(" ", "").split(",")
    of_table = {
        "mongod", "redis", "kafka", "namenode", "datanode", "metastore", "spark", "dagster-code",
        "dagster-webserver", "dagster-daemon", "metrics", "dashboard", "api",
    }  # fmt: skip
    always = {
        name.replace("mongodb", "mongod") for name in lasting(*stack) if not found[name].get("profiles")
    }
    assert always - {"zookeeper"} == of_table | set(named)


def test_reports_are_in_memory_and_writable_by_every_user():
    options = config()["volumes"]["service-state"]["driver_opts"]
    assert options == {"type": "tmpfs", "device": "tmpfs", "o": "size=1m,mode=1777"}


@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: "-".join(stack) or "alone")
def test_the_disk_of_every_volume_is_measured_and_nothing_is_written_there(stack):
    kept = set(config(*stack)["volumes"]) - {"service-state"}
    if stack == ("docker-compose.zookeeper.yml",):
        # The overlay's own two, and its Kafka's: on the same host as all others.
        kept -= {"zookeeper-data", "zookeeper-log", "kafka-zookeeper-data"}
    for name in ("metrics", "dashboard"):
        service = services(*stack)[name]
        assert str(settings_in(service).volumes_dir) == "/volumes"
        measured = [mount for mount in service["volumes"] if mount["target"].startswith("/volumes/")]
        assert {mount["source"] for mount in measured} == kept
        assert all(mount["read_only"] and mount["volume"]["nocopy"] for mount in measured)


def test_hdfs_asks_who_somebody_is_and_only_the_platform_gets_in():
    site = (DEPLOY / "hadoop/core-site.xml").read_text()
    groups = re.search(r"mapping\.overrides</name><value>([^<]+)", site)
    assert groups
    # The users of containers: ours runs as flights; dr.who is whoever looks at the NameNode's page.
    assert dict(pair.split("=") for pair in groups[1].split(";")) == {
        "dr.who": "",
        "dashboard": "readers",
        "flights": "supergroup",
    }
    assert "useradd --uid 10001 --gid flights" in (DEPLOY / "Dockerfile").read_text()
    assert settings_in(services()["bootstrap"]).hdfs_private


# --- the script of images that are not ours


@pytest.mark.parametrize(("command", "code"), [("true", 0), ("exit 3", 3)])
def test_the_script_passes_the_result_on_and_reports_it(tmp_path, command, code):
    script = (DEPLOY / "health/check.sh").read_text().replace("/state/", f"{tmp_path}/")
    done = subprocess.run(["sh", "-c", script, "check.sh", "kafka", "sh", "-c", command], check=False)
    assert done.returncode == code
    (report,) = container_state.reports(tmp_path)
    assert (report.service, report.works) == ("kafka", code == 0)
    assert [path.name for path in tmp_path.iterdir()] == ["kafka"]
