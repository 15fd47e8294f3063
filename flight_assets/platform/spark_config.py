"""Configuration of the Spark application and of HiveServer2 in it."""

from __future__ import annotations

from flight_assets.platform import extensions, spark_kubernetes
from flight_assets.platform.jars import classpath_dir
from flight_assets.platform.patches import java_long_methods
from flight_assets.settings import Settings

# Spark warns of what is meant: a topic with CreateTime gaps, plans longer than a log line, Hive settings it
# does not know.
_SPARK_QUIET = """logger.hiveconf.name=org.apache.hadoop.hive.conf.HiveConf
logger.hiveconf.level=error
logger.planstring.name=org.apache.spark.sql.catalyst.util.SparkStringUtils
logger.planstring.level=error
logger.kafkaadmin.name=org.apache.kafka.clients
logger.kafkaadmin.level=error
"""


def hiveserver2_properties(settings: Settings) -> dict[str, object]:
    """Return the address of the metastore, and that of the server for JDBC clients."""
    return {
        "hive.metastore.uris": settings.metastore_uri,
        "hive.metastore.client.socket.timeout": f"{int(settings.timeout_s)}s",
        "hive.server2.thrift.bind.host": settings.bind_host,
        "hive.server2.thrift.port": settings.port("hiveserver2"),
        "hive.server2.transport.mode": "binary",
    }


def spark_properties(settings: Settings) -> dict[str, object]:
    """One application that serves Connect and HiveServer2, with Delta as the table format."""
    served = _executor_properties(settings) | _server_properties(settings)
    return served | {
        "spark.sql.catalogImplementation": "hive",
        "spark.sql.extensions": ",".join(
            ("io.delta.sql.DeltaSparkSessionExtension", *extensions.SQL_EXTENSIONS)
        ),
        extensions.READ_ONLY: "true",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.warehouse.dir": settings.hdfs_path(settings.warehouse_dir),
        "spark.sql.session.timeZone": "UTC",
        # Delta would compute the source of each MERGE once more; every one here is computed already, or is
        # rows of a client.
        "spark.databricks.delta.merge.materializeSource": "none",
        "spark.sql.shuffle.partitions": settings.spark_parallelism,
        "spark.default.parallelism": settings.spark_parallelism,
        "spark.sql.parquet.compression.codec": "snappy",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.python.daemon.module": "flight_assets.platform.patches.spark_warm_workers",
        "spark.sql.codegen.cache.maxEntries": 2_000,
        # Else pyspark looks for the line of each column's making, and first for IPython: 0.07 s of 0.09 s to
        # put the checks together.
        "spark.python.sql.dataFrameDebugging.enabled": "false",
        # VACUUM lists a table's folders with so many tasks, 10,000 by default: 19 s instead of 3 for a table
        # of one day.
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": settings.spark_parallelism,
        "spark.databricks.delta.snapshotPartitions": 1,
        "spark.databricks.delta.properties.defaults.checkpointInterval": 20,
        # Delta 4.4 answers max(<date>) from its log with a class that Spark Connect does not take: the query
        # would fail.
        "spark.databricks.delta.optimizeMetadataQuery.enabled": "false",
        "spark.sql.streaming.numRecentProgressUpdates": 20,
        "spark.sql.ui.retainedExecutions": 50,
        "spark.ui.retainedJobs": 100,
        "spark.ui.retainedStages": 100,
        "spark.ui.retainedTasks": 2000,
        "spark.local.dir": settings.home / "data/spark-local",
        "spark.sql.artifact.isolation.enabled": "false",
        "spark.log.structuredLogging.enabled": "false",
    }


def _server_properties(settings: Settings) -> dict[str, object]:
    """Return name and memory of the application, and where it listens."""
    return {
        "spark.app.name": "flight-tracking",
        "spark.master": settings.spark_master,
        "spark.driver.memory": f"{settings.spark_heap_mb}m",
        "spark.driver.host": settings.advertised_host,
        "spark.driver.bindAddress": settings.bind_host,
        "spark.ui.port": settings.port("spark_ui"),
        "spark.ui.showConsoleProgress": "false",
        "spark.plugins": extensions.CONNECT_PLUGIN,
        "spark.connect.grpc.binding.address": settings.bind_host,
        "spark.connect.grpc.binding.port": settings.port("spark_connect"),
        "spark.connect.session.manager.defaultSessionTimeout": "30m",
    }


def _executor_properties(settings: Settings) -> dict[str, object]:
    """Return the settings of executors on other machines; nothing when the driver does all work.

    Third-party jars lie at the same path as here. Our own jar comes from the driver.
    """
    if settings.spark_master.startswith("local"):
        return {}
    return {
        "spark.executor.memory": f"{settings.spark_executor_mb}m",
        "spark.executor.extraJavaOptions": java_long_methods.OPTION,
        "spark.executor.extraClassPath": classpath_dir(settings.cache_dir, "spark") / "*",
        "spark.jars": extensions.jar_path(settings),
        **spark_kubernetes.properties(settings),
    }
