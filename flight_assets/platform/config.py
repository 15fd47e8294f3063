"""Configuration files of the services, written from the settings at each start."""

from __future__ import annotations

import json
import re
from pathlib import Path
from uuid import uuid4
from xml.sax.saxutils import escape
from zipfile import ZipFile

from flight_assets.platform import access, kafka_access
from flight_assets.platform.jars import spark_jars_dir
from flight_assets.platform.patches import hadoop_last_block
from flight_assets.platform.spark_config import _SPARK_QUIET, hiveserver2_properties, spark_properties
from flight_assets.settings import LOOPBACK, Settings, member

# Files that the package brings as they are.
FILES = Path(__file__).parent / "files"
_LOG4J1 = """log4j.rootLogger=WARN,console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.target=System.err
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %p %c: %m%n
"""
_LOG4J2 = """rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
appender.console.type=Console
appender.console.name=console
appender.console.target=SYSTEM_ERR
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{ISO8601} %p %c: %m%n
"""


def write_configs(settings: Settings) -> None:
    """Write every configuration file under ``home/etc``, readable by its owner only.

    The same settings give the same bytes.
    """
    etc = settings.home / "etc"
    spark = spark_properties(settings) | access.spark_properties(settings)
    files = {
        **_kafka_files(settings),
        "hadoop/core-site.xml": _hadoop_xml(
            {
                "fs.defaultFS": settings.hdfs_url,
                "hadoop.tmp.dir": str(settings.home / "data/hadoop-tmp"),
                **access.hdfs_groups(settings),
            }
        ),
        "hadoop/hdfs-site.xml": _hadoop_xml(hdfs_properties(settings)),
        "hadoop/log4j.properties": _LOG4J1,
        # The published jars lack the servers' web pages; without these folders their HTTP endpoints do not
        # start.
        "hadoop/webapps/hdfs/WEB-INF/web.xml": "<web-app/>\n",
        "hadoop/webapps/datanode/WEB-INF/web.xml": "<web-app/>\n",
        "metastore/hive-site.xml": _hadoop_xml(metastore_properties(settings)),
        "metastore/core-site.xml": _hadoop_xml({"fs.defaultFS": settings.hdfs_url}),
        "metastore/log4j2.properties": _LOG4J2,
        "metastore/hive-log4j2.properties": _LOG4J2,
        "spark/spark-defaults.conf": "".join(f"{key} {value}\n" for key, value in spark.items()),
        "spark/log4j2.properties": _LOG4J2 + _SPARK_QUIET,
        "spark/core-site.xml": _hadoop_xml({"fs.defaultFS": settings.hdfs_url}),
        "spark/hdfs-site.xml": _hadoop_xml(hdfs_client_properties(settings)),
        "spark/hive-site.xml": _hadoop_xml(
            hiveserver2_properties(settings) | access.hiveserver2_properties(settings)
        ),
        "dagster/workspace.yaml": _dagster_workspace(settings),
        **access.files(settings),
    }
    for name, content in files.items():
        _write(etc / name, content)
    template = (FILES / "dagster.yaml").read_text()
    _write(settings.dagster_home / "dagster.yaml", template + _dagster_storage(settings))


def _kafka_files(settings: Settings) -> dict[str, str]:
    files = {}
    for number in range(1, settings.count("kafka") + 1):
        name = member("kafka", number)
        files[f"{name}/server.properties"] = _properties(
            kafka_properties(settings, name, number) | kafka_access.kafka_properties(settings, number)
        )
        files[f"{name}/log4j2.properties"] = _LOG4J2
    return files


def _write(path: Path, content: str) -> None:
    """Replace a file in one step.

    Containers that share a folder may write the same file while another reads it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{uuid4().hex}.tmp")
    partial.touch(mode=0o600)
    partial.write_text(content)
    partial.replace(path)


def kafka_properties(settings: Settings, name: str = "kafka", number: int = 1) -> dict[str, object]:
    """One of the brokers, which are their own controllers (KRaft).

    Two of three have each message before it is acknowledged.
    """
    controllers = settings.addresses("kafka", "kafka_controller")
    address, copies = settings.address("kafka", number), len(controllers)
    in_sync = 2 if copies > 2 else 1
    replication: dict[str, object] = (
        {"default.replication.factor": copies, "min.insync.replicas": in_sync} if copies > 1 else {}
    )
    return replication | {
        "process.roles": "broker,controller",
        "node.id": number,
        "controller.quorum.voters": ",".join(
            f"{node}@{controller}" for node, controller in enumerate(controllers, 1)
        ),
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{address},CONTROLLER://{controllers[number - 1]}",
        "advertised.listeners": f"PLAINTEXT://{address}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": settings.home / "data" / name,
        "num.network.threads": 2,
        "num.io.threads": 4,
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": in_sync,
        "group.initial.rebalance.delay.ms": 0,
        "auto.create.topics.enable": "false",
        # A replay of 2013 would be older than any retention the moment it arrives: age counts from the
        # arrival.
        "log.message.timestamp.type": "LogAppendTime",
    }


def hdfs_client_properties(settings: Settings) -> dict[str, object]:
    """Return the replication and the timeouts of HDFS clients."""
    return {
        "dfs.replication": settings.hdfs_replication,
        "dfs.client.block.write.replace-datanode-on-failure.policy": (
            "NEVER" if settings.hdfs_replication == 1 else "DEFAULT"
        ),
        "dfs.client.socket-timeout": int(settings.timeout_s * 1000),
        **hadoop_last_block.PROPERTIES,
        "ipc.client.connect.timeout": int(settings.timeout_s * 1000),
        "ipc.client.connect.max.retries": 2,
        "ipc.client.connect.max.retries.on.timeouts": 1,
        "ipc.client.rpc-timeout.ms": 60_000,
    }


def hdfs_properties(settings: Settings) -> dict[str, object]:
    """NameNode and DataNode on loopback, readable at once after a crash (no extension of safe mode)."""
    return (
        hdfs_client_properties(settings)
        | datanode_properties(settings)
        | {
            "dfs.namenode.name.dir": f"file://{settings.home / 'data/namenode'}",
            "dfs.namenode.rpc-address": settings.address("namenode"),
            "dfs.namenode.http-address": settings.address("namenode_http"),
            "dfs.namenode.rpc-bind-host": LOOPBACK,
            "dfs.datanode.hostname": LOOPBACK,
            "dfs.namenode.datanode.registration.ip-hostname-check": "false",
            "dfs.namenode.safemode.extension": 0,
            "dfs.heartbeat.interval": 1,
            "dfs.namenode.handler.count": 4,
            "dfs.permissions.enabled": str(settings.secured).lower(),
        }
    )


def datanode_properties(settings: Settings, name: str = "datanode", number: int = 1) -> dict[str, object]:
    """Return the properties in which one DataNode differs from the others."""
    return {
        "dfs.datanode.data.dir": f"file://{settings.home / 'data' / name}",
        "dfs.datanode.address": settings.address("datanode", number),
        "dfs.datanode.ipc.address": settings.address("datanode_ipc", number),
        "dfs.datanode.http.address": settings.address("datanode_http", number),
    }


def metastore_properties(settings: Settings) -> dict[str, object]:
    """Return a metastore on PostgreSQL, or on Derby that this one process owns."""
    return _metastore_database(settings) | {
        "datanucleus.schema.autoCreateAll": "true",
        # The default pool's classes are not among the jars; without a pool that works, dropping a database
        # fails.
        "datanucleus.connectionPoolingType": "dbcp",
        "hive.metastore.schema.verification": "false",
        # Delta creates a table with a placeholder for its columns and then sets them, which is no
        # incompatible change.
        "hive.metastore.disallow.incompatible.col.type.changes": "false",
        "hive.metastore.warehouse.dir": settings.hdfs_path(settings.warehouse_dir),
    }


def _metastore_database(settings: Settings) -> dict[str, object]:
    option = "javax.jdo.option.Connection"
    if not settings.metastore_db_url:
        return {
            f"{option}URL": f"jdbc:derby:;databaseName={settings.home / 'data/metastore_db'};create=true",
            f"{option}DriverName": "org.apache.derby.jdbc.EmbeddedDriver",
        }
    return {
        f"{option}URL": settings.metastore_db_url,
        f"{option}DriverName": "org.postgresql.Driver",
        # All tables at the start: PostgreSQL would let one that is made within a transaction wait for that
        # transaction, which waits for it.
        "datanucleus.autoStartMechanism": "Classes",
        "datanucleus.autoStartClassNames": ",".join(_metastore_classes()),
        f"{option}UserName": settings.metastore_db_user,
        f"{option}Password": settings.metastore_db_password.get_secret_value(),
    }


def _metastore_classes() -> list[str]:
    """Return the classes that the metastore keeps in its database, as its own mapping lists them."""
    (jar,) = spark_jars_dir().glob("hive-metastore-*.jar")
    with ZipFile(jar) as archive:
        mapping = archive.read("package.jdo").decode()
    return [
        f"org.apache.hadoop.hive.metastore.model.{name}"
        for name in re.findall(r'<class name="(M\w+)"', mapping)
    ]


def _properties(values: dict[str, object]) -> str:
    return "".join(f"{key}={value}\n" for key, value in values.items())


def _hadoop_xml(values: dict[str, object]) -> str:
    rows = "".join(
        f"  <property><name>{escape(key)}</name><value>{escape(str(value))}</value></property>\n"
        for key, value in values.items()
    )
    return f"<configuration>\n{rows}</configuration>\n"


def _dagster_workspace(settings: Settings) -> str:
    host, port = settings.dagster_code_address.rsplit(":", 1)
    return (
        f"load_from:\n  - grpc_server: {{host: {host}, port: {port}, location_name:"
        " flight_assets.definitions}\n"
    )


def _dagster_storage(settings: Settings) -> str:
    """Return the storage of runs and events, as an addition to ``dagster.yaml``; nothing means SQLite."""
    if not settings.dagster_db_url:
        return ""
    return f"\nstorage:\n  postgres:\n    postgres_url: {json.dumps(settings.dagster_db_url)}\n"
