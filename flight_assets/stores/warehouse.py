"""The warehouse: Delta tables in the Hive metastore, read and written through one Spark application over Connect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_assets.errors import StoreUnavailable

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from flight_assets.settings import Settings


def connect(settings: Settings) -> SparkSession:
    """The Spark Connect session of this process, in UTC.

    Raises:
        StoreUnavailable: nothing answers at the Connect address within ``timeout_s``.
    """
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    _refuse_unreachable(settings)
    try:
        session: SparkSession = SparkSession.builder.remote(settings.spark_remote).getOrCreate()
        session.conf.set("spark.sql.session.timeZone", "UTC")
    except PySparkException as error:
        raise _unavailable(settings, str(error)) from error
    return session


def _refuse_unreachable(settings: Settings) -> None:
    # Connect retries a refused connection for minutes; a look at the channel first answers in timeout_s.
    import grpc

    host = settings.spark_remote.removeprefix("sc://").split("/", 1)[0]
    with grpc.insecure_channel(host) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=settings.timeout_s)
        except grpc.FutureTimeoutError as error:
            raise _unavailable(settings, "connection timed out") from error


def _unavailable(settings: Settings, detail: str) -> StoreUnavailable:
    return StoreUnavailable("Spark Connect", settings.spark_remote, f"see `flights status` and `flights logs spark` ({detail})")
