"""Land what is in a topic with the platform's own code, into a folder instead of HDFS, in a Spark of this process.

Prints, per partition, how many messages there are and the next offset, as JSON. A process of its own: the tests' own one is a client of
Spark Connect, and Spark cannot be both in one.
"""

from __future__ import annotations

import json
import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from flight_assets.platform import extensions
from flight_assets.platform.jars import classpath_dir
from flight_assets.platform.services import java
from flight_assets.settings import Settings
from flight_assets.stores.landing import land_new_messages, read_raw


def main(bootstrap_servers: str, folder: str) -> None:
    """Land everything as one batch and print what there is of it."""
    settings = Settings(_env_file=None, profile="embedded", kafka_bootstrap_servers=bootstrap_servers, hdfs_url=f"file://{folder}")
    sink, jars = extensions.jar_path(settings), classpath_dir(settings.cache_dir, "spark") / "*"
    if not sink.exists():
        extensions.compile_jar(java(settings), sink)
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.extraClassPath", f"{sink}:{jars}")
        .config("spark.driver.host", settings.advertised_host)
        .config("spark.driver.bindAddress", settings.bind_host)
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    land_new_messages(spark, settings)
    rows = read_raw(spark, settings, 0).groupBy("kafka_partition").agg(F.count("*").alias("count"), F.max("kafka_offset").alias("last"))
    print(json.dumps({row.kafka_partition: [row["count"], row["last"] + 1] for row in rows.collect()}))  # noqa: T201 - what the test reads
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
