"""Services of Spark: the one application, and the master and workers of a cluster."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

from flight_assets.platform import extensions, health
from flight_assets.platform.jars import classpath_dir, spark_jars_dir
from flight_assets.platform.patches import java_long_methods
from flight_assets.platform.services.service import Service, java, jvm_command
from flight_assets.settings import PROJECT_DIR, Settings, member

# Spark on Java 17 and later reaches into these packages; its own launcher passes the same list.
_SPARK_OPENS = [
    "java.base/java.lang", "java.base/java.lang.invoke", "java.base/java.lang.reflect", "java.base/java.io",
    "java.base/java.net",
    "java.base/java.nio", "java.base/java.util", "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/jdk.internal.ref", "java.base/sun.nio.ch", "java.base/sun.nio.cs",
    "java.base/sun.security.action",
    "java.base/sun.util.calendar", "java.security.jgss/sun.security.krb5",
]  # fmt: skip
# Spark alone has 320 MB of classes loaded after a few batches, much of it the code that it generates per
# query.
SPARK_CLASSES_MB = 640
# A master and a worker only keep books; executors are processes of their own.
DAEMON_HEAP_MB = 256


def spark_service(settings: Settings) -> Service:
    """Return the one warm Spark application: Spark Connect and HiveServer2 in one process."""
    etc = settings.home / "etc/spark"
    ours = extensions.jar_path(settings)
    jvm = jvm_command(
        settings,
        settings.spark_heap_mb,
        [etc, ours, spark_jars_dir() / "*", classpath_dir(settings.cache_dir, "spark") / "*"],
        "-XX:+IgnoreUnrecognizedVMOptions",
        java_long_methods.OPTION,
        "-Djdk.reflect.useDirectMethodHandle=false",
        "-Dio.netty.tryReflectionSetAccessible=true",
        *(f"--add-opens={package}=ALL-UNNAMED" for package in _SPARK_OPENS),
        classes_mb=SPARK_CLASSES_MB,
    )
    return Service(
        name="spark",
        command=[
            *jvm, "org.apache.spark.deploy.SparkSubmit", "--properties-file",
            str(etc / "spark-defaults.conf"),
            "--class", "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2", "spark-internal",
        ],
        ports=("spark_connect", "hiveserver2", "spark_ui"),
        version=version("pyspark"),
        check=health.check_spark,
        needs=("namenode", "datanode", "metastore", "spark-worker"),
        environment={
            "SPARK_LOCAL_IP": settings.bind_host,
            "SPARK_HOME": str(spark_jars_dir().parent),
            "HADOOP_CONF_DIR": str(etc),
            "PYSPARK_PYTHON": sys.executable,
            "PYSPARK_DRIVER_PYTHON": sys.executable,
            "PYTHONPATH": str(PROJECT_DIR),
            "OMP_NUM_THREADS": "1",
        },
        prepare=[sys.executable, "-m", "flight_assets.platform.extensions", java(settings), str(ours)],
        prepared=ours,
        start_timeout_s=150.0,
    )  # fmt: skip


_DEPLOY = "org.apache.spark.deploy"


def _spark_daemon(settings: Settings) -> tuple[list[str], dict[str, str]]:
    """Return the Java command and the environment of the Spark cluster's servers."""
    etc = settings.home / "etc/spark"
    jvm = jvm_command(
        settings,
        DAEMON_HEAP_MB,
        [etc, spark_jars_dir() / "*"],
        *(f"--add-opens={package}=ALL-UNNAMED" for package in _SPARK_OPENS),
    )
    return jvm, {
        "SPARK_HOME": str(spark_jars_dir().parent),
        "SPARK_SCALA_VERSION": "2.13",
        "SPARK_LOCAL_IP": settings.bind_host,
        "SPARK_PUBLIC_DNS": settings.advertised_host,
    }


def spark_master_service(settings: Settings, number: int = 1) -> Service:
    """Return the master of a Spark cluster."""
    jvm, environment = _spark_daemon(settings)
    return Service(
        name=member("spark-master", number),
        command=[
            *jvm, f"{_DEPLOY}.master.Master", "--host", settings.advertised_host, "--port",
            str(settings.port("spark_master")),
            "--webui-port", str(settings.port("spark_master_http")),
        ],
        ports=("spark_master", "spark_master_http"),
        version=version("pyspark"),
        check=health.check_spark_master,
        environment=environment,
    )  # fmt: skip


def spark_worker_service(settings: Settings, number: int = 1) -> Service:
    """Return one worker of a Spark cluster."""
    jvm, environment = _spark_daemon(settings)
    name = member("spark-worker", number)
    work = settings.home / "data" / member("spark-work", number)
    return Service(
        name=name,
        command=[
            *jvm, f"{_DEPLOY}.worker.Worker", "--host", settings.advertised_host,
            "--webui-port", str(settings.port("spark_worker_http", number)), "--cores",
            str(settings.spark_worker_cores),
            "--memory", f"{settings.spark_worker_mb}m", "--work-dir", str(work), settings.spark_master,
        ],
        ports=("spark_worker_http",),
        version=version("pyspark"),
        check=health.check_spark_worker,
        needs=("spark-master",),
        environment=environment
        | {
            "JAVA_HOME": str(Path(java(settings)).parent.parent),
            "SPARK_LOCAL_DIRS": str(settings.home / "data/spark-local"),
            "PYTHONPATH": str(PROJECT_DIR),
        },
        number=number,
    )  # fmt: skip
