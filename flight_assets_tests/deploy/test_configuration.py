"""Configuration files of servers on one machine and on several: Spark, HDFS clients, Kafka with TLS."""

from __future__ import annotations

from pathlib import Path

from flight_assets.platform import config, spark_config
from flight_assets.platform.jars import classpath_dir
from flight_assets.platform.patches import java_long_methods
from flight_assets.settings import Settings
from flight_assets.stores import kafka
from flight_assets.stores.hdfs import Hdfs


def test_configuration_is_replaced_in_one_step(tmp_path):
    settings = Settings(_env_file=None, home=tmp_path)
    config.write_configs(settings)
    path = tmp_path / "etc/spark/spark-defaults.conf"
    with path.open() as reader:
        config.write_configs(settings)
        assert reader.read() == path.read_text()
    assert list(tmp_path.rglob("*.tmp")) == []


def test_spark_on_a_cluster_and_in_one_process(tmp_path):
    alone = spark_config.spark_properties(Settings(_env_file=None, home=tmp_path))
    assert not any(key.startswith("spark.executor.") for key in alone)
    settings = Settings(
        _env_file=None, home=tmp_path, cache_dir="/jars", spark_master="spark://m:7077", bind_host="0.0.0.0",  # noqa: S104 - a container's own
        advertised_host="spark", spark_executor_mb=900, spark_parallelism=8,
    )  # fmt: skip
    found = spark_config.spark_properties(settings)
    assert str(found["spark.executor.extraClassPath"]) == str(classpath_dir(Path("/jars"), "spark") / "*")
    assert (found["spark.executor.memory"], found["spark.sql.shuffle.partitions"]) == ("900m", 8)
    assert found["spark.executor.extraJavaOptions"] == java_long_methods.OPTION
    assert (found["spark.driver.host"], found["spark.driver.bindAddress"]) == (
        "spark",
        "0.0.0.0",  # noqa: S104
    )
    assert found["spark.connect.grpc.binding.address"] == "0.0.0.0"  # noqa: S104 - a container's own


def test_hdfs_clients_replace_a_failed_datanode_only_where_there_are_others(tmp_path):
    def policy(copies: int) -> tuple[object, object]:
        found = config.hdfs_client_properties(
            Settings(_env_file=None, home=tmp_path, hdfs_replication=copies)
        )
        return found["dfs.replication"], found["dfs.client.block.write.replace-datanode-on-failure.policy"]

    assert (policy(1), policy(3)) == ((1, "NEVER"), (3, "DEFAULT"))
    assert Hdfs(Settings(_env_file=None, home=tmp_path, hdfs_replication=3))


def test_kafka_over_tls(tmp_path):
    settings = Settings(_env_file=None, home=tmp_path, kafka_ca_file="/ca.pem")
    assert (
        kafka.client_options(settings).items()
        >= {
            "security_protocol": "SSL",
            "ssl_cafile": "/ca.pem",
        }.items()
    )
    assert kafka.security_options(Settings(_env_file=None, home=tmp_path)) == {}
