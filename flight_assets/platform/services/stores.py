"""Services that keep data: PostgreSQL, MongoDB, Redis, Kafka, HDFS and the Hive metastore."""

from __future__ import annotations

import sys

from flight_assets.platform import access, health, postgres
from flight_assets.platform.config import datanode_properties
from flight_assets.platform.jars import classpath_dir, spark_jars_dir
from flight_assets.platform.services import programs
from flight_assets.platform.services.service import Service, jvm_command, locked_version
from flight_assets.settings import LOOPBACK, PROJECT_DIR, Settings, member


def postgres_service(settings: Settings, number: int) -> Service:
    """Return the PostgreSQL server that keeps the metastore and Dagster of a cluster."""
    data, program = settings.home / "data/postgres", postgres.program_dir(settings)
    command = [sys.executable, "-m", "flight_assets.platform.postgres"]
    return Service(
        name=member("postgres", number),
        command=[*command, "serve", str(program), str(data), LOOPBACK, str(settings.port("postgres"))],
        ports=("postgres",),
        version=program.parent.name,
        check=health.check_postgres,
        environment={"PYTHONPATH": str(PROJECT_DIR)},
        prepare=[*command, "create", str(program), str(data)],
        prepared=data / postgres.CREATED,
    )


def mongod_service(settings: Settings, number: int) -> Service:
    """Return one member of the MongoDB replica set."""
    name = member("mongod", number)
    data = settings.home / "data" / name
    program = programs.mongod(settings)
    return Service(
        name=name,
        command=[
            str(program.path), "--dbpath", str(data), "--bind_ip", LOOPBACK,
            "--port", str(settings.port("mongod", number)),
            "--replSet", "flights", "--wiredTigerCacheSizeGB", str(settings.mongo_cache_mb / 1024),
            "--nounixsocket", "--quiet",
            "--setParameter", "diagnosticDataCollectionEnabled=false", "--oplogSize", "256",
            *access.mongod_options(settings),
        ],
        ports=("mongod",),
        version=program.release,
        check=health.check_mongod,
        number=number,
    )  # fmt: skip


def redis_service(settings: Settings) -> Service:
    """Return Redis: the chosen server, or the packaged one."""
    program = programs.redis_server(settings)
    return Service(
        name="redis",
        command=[
            str(program.path), "--bind", LOOPBACK, *access.redis_options(settings),
            "--dir", str(settings.home / "data/redis"), "--appendonly", "yes", "--maxmemory", "128mb",
            "--maxmemory-policy", "volatile-lru", "--daemonize", "no",
            # A rewritten title would overwrite the environment, by which leftovers of a crash are recognised.
            "--set-proc-title", "no",
        ],
        ports=("redis",),
        version=program.release,
        check=health.check_redis,
    )  # fmt: skip


def kafka_service(settings: Settings, number: int) -> Service:
    """Return one Kafka broker, which is a controller too."""
    name = member("kafka", number)
    etc = settings.home / "etc" / name
    jvm = jvm_command(
        settings,
        settings.kafka_heap_mb,
        [etc, classpath_dir(settings.cache_dir, "kafka") / "*"],
        f"-Dlog4j2.configurationFile={etc / 'log4j2.properties'}",
    )
    properties = str(etc / "server.properties")
    return Service(
        name=name,
        command=[*jvm, "kafka.Kafka", properties],
        ports=("kafka", "kafka_controller", *(["kafka_internal"] if settings.secured else [])),
        version=locked_version("kafka_2.13"),
        check=health.check_kafka,
        prepare=[*jvm, "kafka.tools.StorageTool", "format", "-t", health.CLUSTER_ID, "-c", properties],
        prepared=settings.home / "data" / name / "meta.properties",
        number=number,
    )


def _hdfs(settings: Settings) -> tuple[list[str], dict[str, str]]:
    """Return the Java command and the environment of HDFS's servers."""
    etc = settings.home / "etc/hadoop"
    classpath: list[object] = [etc, classpath_dir(settings.cache_dir, "hdfs") / "*"]
    jvm = jvm_command(settings, settings.hdfs_heap_mb, classpath, f"-Dhadoop.home.dir={settings.home}")
    return jvm, {"HADOOP_HOME": str(settings.home), "HADOOP_CONF_DIR": str(etc)}


def namenode_service(settings: Settings) -> Service:
    """Return HDFS's NameNode."""
    jvm, environment = _hdfs(settings)
    command = [*jvm, "org.apache.hadoop.hdfs.server.namenode.NameNode"]
    return Service(
        name="namenode",
        command=command,
        ports=("namenode", "namenode_http"),
        version=locked_version("hadoop-hdfs"),
        check=health.check_namenode,
        environment=environment,
        prepare=[*command, "-format", "-nonInteractive"],
        prepared=settings.home / "data/namenode/current/VERSION",
    )


def datanode_service(settings: Settings, number: int) -> Service:
    """Return one DataNode of HDFS."""
    jvm, environment = _hdfs(settings)
    name = member("datanode", number)
    options = [
        word
        for key, value in datanode_properties(settings, name, number).items()
        for word in ("-D", f"{key}={value}")
    ]
    return Service(
        name=name,
        # All share one hdfs-site.xml, which is the first one's.
        command=[*jvm, "org.apache.hadoop.hdfs.server.datanode.DataNode", *(options if number > 1 else [])],
        ports=("datanode", "datanode_ipc", "datanode_http"),
        version=locked_version("hadoop-hdfs"),
        check=health.check_datanode,
        needs=("namenode",),
        environment=environment,
        number=number,
    )


def metastore_service(settings: Settings) -> Service:
    """Return the Hive metastore."""
    etc = settings.home / "etc/metastore"
    jvm = jvm_command(
        settings,
        settings.metastore_heap_mb,
        [etc, spark_jars_dir() / "*", classpath_dir(settings.cache_dir, "metastore") / "*"],
        "-Dlog4j2.contextSelector=org.apache.logging.log4j.core.selector.ClassLoaderContextSelector",
        f"-Dderby.stream.error.file={settings.home / 'logs/derby.log'}",
    )
    return Service(
        name="metastore",
        command=[sys.executable, "-m", "flight_assets.platform.patches.hive_one_address", *jvm],
        ports=("metastore",),
        version="2.3.10",
        check=health.check_metastore,
        needs=("namenode", "postgres"),
        environment={"HADOOP_HOME": str(settings.home), "PYTHONPATH": str(PROJECT_DIR)},
    )
