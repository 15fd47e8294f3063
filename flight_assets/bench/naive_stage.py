"""Stage of the naive pipeline: messages to rows of the staging and quarantine tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_assets.bench.warehouse_flights import rows_of
from flight_assets.contracts.dimensions import airlines, airports
from flight_assets.contracts.message import (
    FORBIDDEN_DELAYS,
    MAX_MESSAGE_BYTES,
    MESSAGE_FIELDS,
    REQUIRED_DELAYS,
    SCHEMA_VERSIONS,
    WEATHER_FIELDS,
    EventType,
)
from flight_assets.contracts.tables import (
    QUARANTINE,
    STAGING,
    WEATHER_TYPE,
)
from flight_assets.transforms.inputs import LOW_QUALITY_BELOW

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

    from flight_assets.contracts.message import Field

SPARK_TYPES = {"string": "STRING", "integer": "INT", "number": "DOUBLE", "time": "STRING"}

MESSAGE_TYPE = ", ".join(
    f"{field.name} {SPARK_TYPES.get(field.json_type, WEATHER_TYPE)}" for field in MESSAGE_FIELDS
)

# Spark reads what it can of a message that is cut short, and says in this column that there is more to it.
CORRUPT = "_corrupt_record"


def clean(spark: SparkSession, raw: DataFrame) -> DataFrame:
    """Every message with its fields, typed, and ``is_valid``."""
    from pyspark.sql import functions as F

    carriers = F.broadcast(
        spark.createDataFrame(airlines()[["code"]]).select(
            F.col("code").alias("airline"), F.lit(True).alias("carrier")
        )
    )
    places = spark.createDataFrame(airports()[["code", "time_zone"]])
    origins = F.broadcast(places.select(F.col("code").alias("origin"), F.col("time_zone").alias("zone")))
    destinations = F.broadcast(places.select(F.col("code").alias("destination"), F.lit(True).alias("place")))
    text = F.when(
        F.octet_length("value") <= MAX_MESSAGE_BYTES, F.try_validate_utf8(F.col("value").cast("string"))
    )
    times = [field.name for field in MESSAGE_FIELDS if field.json_type == "time"]
    parsed = raw.withColumn("m", F.from_json(text, f"{MESSAGE_TYPE}, {CORRUPT} STRING")).select(
        *raw.columns, "m.*"
    )
    parsed = parsed.withColumns({name: F.try_to_timestamp(name) for name in times})
    parsed = parsed.withColumn("gate", F.when(F.col("schema_version") == 2, F.col("gate")))
    parsed = parsed.withColumn(
        "flight_date", F.try_to_timestamp(F.right("flight_id", F.lit(8)), F.lit("yyyyMMdd")).cast("date")
    )
    joined = (
        parsed.join(carriers, "airline", "left")
        .join(origins, "origin", "left")
        .join(destinations, "destination", "left")
    )
    return joined.withColumn("is_valid", F.coalesce(_is_valid(), F.lit(False))).withColumn(
        "processing_date", F.to_date("ingestion_timestamp")
    )


def _is_valid() -> Column:
    from pyspark.sql import functions as F

    kind = F.col("event_type")
    expected = F.concat("airline", F.col("flight_number").cast("string"), F.lit("-"), "origin", F.lit("-"))
    conditions = [
        F.col(CORRUPT).isNull(),
        F.col("schema_version").isin(*SCHEMA_VERSIONS),
        kind.isin(*(each.value for each in EventType)),
        *(F.col(field.name).isNotNull() for field in MESSAGE_FIELDS if field.required),
        *(
            (kind != each.value) | F.col(name).isNotNull()
            for each, names in REQUIRED_DELAYS.items()
            for name in names
        ),
        *(
            (kind != each.value) | F.col(name).isNull()
            for each, names in FORBIDDEN_DELAYS.items()
            for name in names
        ),
        *(_in_range(field) for field in MESSAGE_FIELDS if field.is_bounded),
        *(F.col(name).isNotNull() for name in ("carrier", "zone", "place")),
        F.col("origin") != F.col("destination"),
        F.col("flight_id").startswith(expected) & F.col("flight_date").isNotNull(),
        F.coalesce(F.col("scheduled_arrival") > F.col("scheduled_departure"), F.lit(True)),
        (kind != "scheduled") | (F.col("timestamp") <= F.col("scheduled_departure")),
        ~kind.isin("departed", "arrived")
        | (F.col("timestamp") >= F.col("scheduled_departure") - F.expr("INTERVAL 180 MINUTES")),
        F.abs(F.date_diff("flight_date", F.col("scheduled_departure").cast("date"))) <= 1,
    ]
    valid = conditions[0]
    for condition in conditions[1:]:
        valid = valid & condition
    return valid


def _in_range(field: Field) -> Column:
    from pyspark.sql import functions as F

    value = F.col(field.name)
    above = value > field.low if field.low_open else value >= field.low
    below = value < field.high if field.high_open else value <= field.high
    return (above & below) if field.required else (above & below) | value.isNull()


def staged_rows(checked: DataFrame) -> DataFrame:
    """Return the valid events, each event_id once, as rows of ``staging_flight_events``."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    arrival = Window.partitionBy("event_id").orderBy("ingestion_timestamp", "kafka_partition", "kafka_offset")
    events = checked.where("is_valid").withColumn("nth", F.row_number().over(arrival)).where("nth = 1")
    weather = {field.name: F.col("weather")[field.name] for field in WEATHER_FIELDS}
    plausible = {
        field.name: F.coalesce(weather[field.name].between(field.low, field.high), F.lit(False)).cast("int")
        for field in WEATHER_FIELDS
    }
    always = [F.col(name).isNotNull().cast("int") for name in ("tail_number", "scheduled_arrival")]
    present = sum([*always, *(value.isNotNull().cast("int") for value in weather.values())], F.lit(0))
    good = sum([*always, *plausible.values()], F.lit(0))
    kept = F.struct(*(F.when(plausible[name] == 1, value).alias(name) for name, value in weather.items()))
    enriched = {
        "quality_score": F.round(
            present / (2 + len(weather)) * F.when(present == 0, 1.0).otherwise(good / present), 4
        ),
        "weather": F.when(F.col("weather").isNotNull(), kept),
        "route": F.concat("origin", F.lit("-"), "destination"),
        "hour": F.hour(F.from_utc_timestamp("scheduled_departure", F.col("zone"))),
        "month": F.month("flight_date"),
        "day_of_week": F.weekday("flight_date") + 1,
        "is_weekend": F.weekday("flight_date") >= 5,
    }
    is_low = F.col("quality_score") < LOW_QUALITY_BELOW
    return rows_of(STAGING, events.withColumns(enriched).withColumn("low_quality", is_low))


def quarantined_rows(checked: DataFrame) -> DataFrame:
    """Return the rejected messages as rows of ``quarantined_events``, without a reason."""
    from pyspark.sql import functions as F

    rejected = checked.where("NOT is_valid").withColumns(
        {"reason": F.lit("invalid"), "detail": F.lit(None).cast("string")}
    )
    return rejected.select(*QUARANTINE.column_names)
