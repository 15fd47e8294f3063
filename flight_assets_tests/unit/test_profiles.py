"""Processes that a profile starts: how many of each kind, at which ports, and how they find each other."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from flight_assets.errors import FlightsError
from flight_assets.platform import config, postgres, services
from flight_assets.settings import COUNTS, Settings


@pytest.fixture
def programs(tmp_path):
    """A folder that looks as PostgreSQL's."""
    folder = tmp_path / "15/bin"
    folder.mkdir(parents=True)
    (folder / "initdb").touch()
    return folder


@pytest.fixture
def cluster(tmp_path, programs):
    return Settings(
        _env_file=None,
        port_offset=0,
        profile="cluster",
        home=tmp_path / "home",
        java_home="/jdk",
        postgres_bin=programs,
    )


def test_the_embedded_profile_has_one_of_each_kind_and_no_cluster(tmp_path):
    names = [service.name for service in services.services(Settings(_env_file=None, home=tmp_path))]
    assert names[:7] == ["mongod", "redis", "kafka", "namenode", "datanode", "metastore", "spark"]
    assert not any(name.startswith(("spark-", "postgres")) or name[-1].isdigit() for name in names)


def test_a_service_that_the_profile_has_is_not_there_twice_when_it_is_asked_for(cluster):
    everything = {service.name for service in services.services(cluster)} | {"live"}
    assert [service.name for service in services.asked_for(cluster, everything)] == ["live"]


def test_the_cluster_profile_repeats_what_may_fail(cluster):
    names = [service.name for service in services.services(cluster)]
    for kind in ("mongod", "kafka", "datanode"):
        assert [name for name in names if name.startswith(kind)] == [kind, f"{kind}-2", f"{kind}-3"]
    assert [name for name in names if name.startswith("spark")] == [
        "spark-master",
        "spark-worker",
        "spark-worker-2",
        "spark",
    ]
    assert {"postgres", "redis", "namenode"} <= set(names)


@pytest.mark.parametrize("profile", COUNTS)
def test_no_two_processes_share_a_name_a_port_or_a_command(profile, cluster):
    table = services.services(cluster.model_copy(update={"profile": profile}))
    ports = [cluster.port(endpoint, service.number) for service in table for endpoint in service.ports]
    assert len(set(ports)) == len(ports)
    assert (
        len({service.name for service in table})
        == len({tuple(service.command) for service in table})
        == len(table)
    )


@pytest.mark.parametrize("profile", COUNTS)
def test_each_service_comes_after_all_that_it_needs(profile, cluster):
    seen: set[str] = set()
    for service in services.services(cluster.model_copy(update={"profile": profile})):
        assert set(service.needs) <= seen, service.name
        seen.add(service.name)


def test_spark_waits_for_every_worker_and_datanode(cluster):
    (spark,) = (service for service in services.services(cluster) if service.name == "spark")
    assert {"datanode-3", "spark-worker-2", "metastore"} <= set(spark.needs)


def test_clients_know_every_member(cluster):
    assert cluster.kafka_bootstrap_servers == "127.0.0.1:9092,127.0.0.1:9112,127.0.0.1:9132"
    assert (
        cluster.mongo_uri == "mongodb://127.0.0.1:27017,127.0.0.1:27037,127.0.0.1:27057/?replicaSet=flights"
    )
    assert cluster.spark_master == "spark://127.0.0.1:7077"
    assert cluster.metastore_db_url == "jdbc:postgresql://127.0.0.1:5432/metastore"
    assert cluster.dagster_db_url == "postgresql+psycopg2://flights@127.0.0.1:5432/dagster"


def test_a_setting_that_is_given_is_stronger_than_the_profile(tmp_path):
    settings = Settings(
        _env_file=None,
        profile="cluster",
        home=tmp_path,
        hdfs_replication=2,
        spark_master="spark://elsewhere:7077",
    )
    assert (settings.hdfs_replication, settings.spark_master, settings.kafka_partitions) == (
        2,
        "spark://elsewhere:7077",
        3,
    )


def test_an_unknown_profile_is_refused(tmp_path):
    with pytest.raises(ValidationError, match="'embedded' or 'cluster'"):
        Settings(_env_file=None, profile="galaxy", home=tmp_path)


def test_a_message_is_on_two_of_three_brokers_before_it_is_acknowledged(cluster):
    third = config.kafka_properties(cluster, "kafka-3", 3)
    assert (third["default.replication.factor"], third["min.insync.replicas"]) == (3, 2)
    assert third["controller.quorum.voters"] == "1@127.0.0.1:9093,2@127.0.0.1:9113,3@127.0.0.1:9133"
    assert third["listeners"] == "PLAINTEXT://127.0.0.1:9132,CONTROLLER://127.0.0.1:9133"
    assert third["log.dirs"] == cluster.home / "data/kafka-3"


def test_what_is_missing_for_a_cluster_is_named(tmp_path, monkeypatch):
    settings = Settings(_env_file=None, profile="cluster", home=tmp_path)
    monkeypatch.setattr("shutil.which", lambda _name: None)
    with pytest.raises(FlightsError, match="full Java 17"):
        services.java(settings)
    monkeypatch.setattr(postgres, "DEBIAN_DIR", tmp_path)
    with pytest.raises(FlightsError, match="needs PostgreSQL"):
        postgres.program_dir(settings)


def test_of_several_postgresqls_the_newest_is_taken(tmp_path, monkeypatch):
    for number in ("9", "15"):
        (tmp_path / number / "bin").mkdir(parents=True)
        (tmp_path / number / "bin/initdb").touch()
    monkeypatch.setattr(postgres, "DEBIAN_DIR", tmp_path)
    assert postgres.program_dir(Settings(_env_file=None, home=tmp_path)) == tmp_path / "15/bin"


def test_a_metastore_on_postgresql_makes_every_table_at_its_start(cluster, tmp_path):
    found = config.metastore_properties(cluster)
    names = {name.rpartition(".")[2] for name in str(found["datanucleus.autoStartClassNames"]).split(",")}
    assert found["datanucleus.autoStartMechanism"] == "Classes"
    assert {"MDatabase", "MTable", "MTablePrivilege", "MPartition"} <= names
    assert "datanucleus.autoStartMechanism" not in config.metastore_properties(
        Settings(_env_file=None, home=tmp_path)
    )
