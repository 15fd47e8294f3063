"""Land what is in a topic with the platform's own code, into a folder instead of HDFS, in a Spark of this
process.

Prints, per partition, how many messages there are and the next offset, as JSON. A process of its own: the
tests' own one is a client of Spark Connect, and Spark cannot be both in one.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from flight_assets.settings import Settings
from flight_assets.stores import kafka
from flight_assets.stores.landing import read_raw, write_batch
from flight_assets.stores.landing_plan import Plan, shared_out


def main(bootstrap_servers: str, folder: str) -> None:
    """Land everything as one batch and print what there is of it."""
    settings = Settings(
        _env_file=None,
        profile="embedded",
        kafka_bootstrap_servers=bootstrap_servers,
        hdfs_url=f"file://{folder}",
    )
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.host", settings.advertised_host)
        .config("spark.driver.bindAddress", settings.bind_host)
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    ranges = {number: (0, end) for number, end in kafka.end_offsets(settings).items()}
    tasks = shared_out(ranges, settings.spark_parallelism)
    write_batch(
        spark, settings, Plan(batch_id=0, made_at=datetime.now(UTC), tasks=tasks, lost={}, next_offsets={})
    )
    rows = (
        read_raw(spark, settings, 0)
        .groupBy("kafka_partition")
        .agg(F.count("*").alias("count"), F.max("kafka_offset").alias("last"))
    )
    print(json.dumps({row.kafka_partition: [row["count"], row["last"] + 1] for row in rows.collect()}))  # noqa: T201 - what the test reads
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
