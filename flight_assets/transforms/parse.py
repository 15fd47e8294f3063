"""Raw Kafka rows to typed columns, and what is wrong with each message.

Nothing here fails on any input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from flight_assets.contracts.message import (
    FORBIDDEN_DELAYS,
    MAX_MESSAGE_BYTES,
    MESSAGE_FIELDS,
    REQUIRED_DELAYS,
    SCHEMA_VERSIONS,
    EventType,
    Field,
    Reason,
)
from flight_assets.transforms.read_json import READ_TYPE, read_messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pyspark.sql import Column, DataFrame

# Years that a flight can have: the first ones overflow the clocks of other stores.
RFC3339_UTC = r"^(19|20)\d{2}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+]00:00)\z"
FLIGHT_ID = r"^[A-Z0-9]{2}\d{1,4}-[A-Z]{3}-\d{8}$"
EARLIEST_DELAY_MINUTES = -180
_HELPERS = ("_read", "_is_too_large", "_is_not_json", "_is_object", *(f"_k_{field.name}" for field in MESSAGE_FIELDS))
CODE_FIELDS = ("airline", "origin", "destination", "tail_number", "gate")


def parse_messages(raw: DataFrame) -> DataFrame:
    """One row per message: the raw columns, the contract's fields typed (null where unusable), ``unknown_fields`` and ``problems``.

    ``unknown_fields`` has the names that the message's version of the contract does not have (null if it is no object of a version
    taken). ``problems`` is an array of (reason, detail) in the order of ``Reason``, without those that need the dimensions.
    """
    return raw.transform(_read_fields).transform(_clean).transform(_find_problems)


def _read_fields(raw: DataFrame) -> DataFrame:
    """Adds the fields, each with its kind as ``_k_<field>``, and what the message as a whole is."""
    read: Callable[[str], Column] = F.arrow_udf(read_messages, READ_TYPE)  # type: ignore[attr-defined]
    # All columns by "*", here and below: to ask a frame for its columns has Spark analyse all that is behind it.
    return raw.withColumn("_read", read("value")).select(
        "*",
        *(_field(field).alias(field.name) for field in MESSAGE_FIELDS),
        *(F.col(f"_read.kinds.{field.name}").alias(f"_k_{field.name}") for field in MESSAGE_FIELDS),
        F.col("_read.unknown_fields").alias("unknown_fields"),
        (F.octet_length("value") > MAX_MESSAGE_BYTES).alias("_is_too_large"),
        (~F.col("_read.is_json")).alias("_is_not_json"),
        F.col("_read.is_object").alias("_is_object"),
    )


def _field(field: Field) -> Column:
    value = F.col(f"_read.fields.{field.name}")
    return F.when(value.rlike(RFC3339_UTC), F.try_to_timestamp(value)) if field.json_type == "time" else value


def _clean(messages: DataFrame) -> DataFrame:
    """Trim texts, and write codes in capitals: ``" ua "`` is ``"UA"``."""
    codes = {name: F.nullif(F.upper(F.trim(name)), F.lit("")) for name in CODE_FIELDS}
    texts = {name: F.nullif(F.trim(name), F.lit("")) for name in ("event_id", "event_type", "flight_id")}
    return messages.withColumns(codes | texts)


def _find_problems(messages: DataFrame) -> DataFrame:
    found = [
        _problem(Reason.TOO_LARGE, F.col("_is_too_large"), F.format_string("%d bytes", F.octet_length("value"))),
        _problem(Reason.NOT_JSON, F.col("_is_not_json"), F.lit("not a UTF-8 JSON text")),
        _problem(Reason.NOT_AN_OBJECT, ~F.col("_is_object"), F.lit("JSON, but not an object")),
        _problem(Reason.UNSUPPORTED_SCHEMA_VERSION, _version_is_unsupported(), F.col("schema_version").cast("string")),
        _listed(Reason.MISSING_FIELD, [*map(_missing, _required()), *_missing_delays()]),
        _listed(Reason.WRONG_TYPE, [*map(_wrong_type, MESSAGE_FIELDS), *_wrong_texts()]),
        _listed(Reason.OUT_OF_RANGE, [*map(_out_of_range, _bounded()), _same_airport()]),
        _listed(Reason.INCONSISTENT_TIMES, _inconsistent_times()),
    ]
    return messages.withColumn("problems", F.array_compact(F.array(*found))).drop(*_HELPERS)


def _problem(reason: Reason, holds: Column, detail: Column) -> Column:
    return F.when(F.coalesce(holds, F.lit(False)), F.struct(F.lit(reason.value).alias("reason"), detail.alias("detail")))


def _listed(reason: Reason, details: Iterable[Column]) -> Column:
    """A problem whose detail joins the details that are not null; none if all are."""
    detail = F.concat_ws(", ", *details)
    return _problem(reason, F.length(detail) > 0, detail)


def _required() -> list[Field]:
    return [field for field in MESSAGE_FIELDS if field.required]


def _bounded() -> list[Field]:
    return [field for field in MESSAGE_FIELDS if field.is_bounded]


def _version_is_unsupported() -> Column:
    return F.col("schema_version").isNotNull() & ~F.col("schema_version").isin(*SCHEMA_VERSIONS)


def _is_absent(field: Field) -> Column:
    return F.col(f"_k_{field.name}").isNull()


def _missing(field: Field) -> Column:
    return F.when(F.col("_is_object") & _is_absent(field), F.lit(field.name))


def _missing_delays() -> list[Column]:
    by_name = {field.name: field for field in MESSAGE_FIELDS}
    return [
        F.when((F.col("event_type") == kind.value) & _is_absent(by_name[name]), F.lit(name))
        for kind, names in REQUIRED_DELAYS.items()
        for name in names
    ]


def _wrong_type(field: Field) -> Column:
    wrong = F.col("_is_object") & ~_is_absent(field) & F.col(field.name).isNull()
    return F.when(wrong, _type_detail(field))


def _type_detail(field: Field) -> Column:
    """Why a value that is there could not be used; null if that is no problem: an optional text that is empty counts as absent."""
    kind = F.col(f"_k_{field.name}")
    other = F.concat(F.lit(f"{field.name} is not {field.json_type} but "), kind)
    if field.json_type == "integer":
        return F.when(kind == "integer", F.lit(f"{field.name} is beyond 32 bits")).otherwise(other)
    if field.json_type == "string":
        empty = F.lit(f"{field.name} is empty") if field.required else F.lit(None).cast("string")
        return F.when(kind == "string", empty).otherwise(other)
    return other


def _wrong_texts() -> list[Column]:
    kinds = [kind.value for kind in EventType]
    expected_id = F.concat("airline", F.col("flight_number").cast("string"), F.lit("-"), "origin", F.lit("-"))
    return [
        F.when(~F.col("event_type").isin(kinds), F.concat(F.lit("event_type is "), "event_type")),
        F.when(
            ~F.col("flight_id").rlike(FLIGHT_ID) | (flight_date().isNull() & F.col("flight_id").isNotNull()),
            F.lit("flight_id is not carrier + number-origin-date"),
        ),
        F.when(F.col("flight_id").rlike(FLIGHT_ID) & ~F.col("flight_id").startswith(expected_id), F.lit("flight_id is another flight's")),
    ]


def flight_date() -> Column:
    """The scheduled local date that a flight_id ends in; null if it is no date."""
    return F.try_to_timestamp(F.right("flight_id", F.lit(8)), F.lit("yyyyMMdd")).cast("date")


def _out_of_range(field: Field) -> Column:
    value = F.col(field.name)
    too_low = value <= field.low if field.low_open else value < field.low
    too_high = value >= field.high if field.high_open else value > field.high
    return F.when(too_low | too_high | F.isnan(value.cast("double")), F.concat(F.lit(f"{field.name} = "), value.cast("string")))


def _same_airport() -> Column:
    return F.when(F.col("origin") == F.col("destination"), F.lit("destination = origin"))


def _inconsistent_times() -> list[Column]:
    departure, arrival, happened = F.col("scheduled_departure"), F.col("scheduled_arrival"), F.col("timestamp")
    is_underway = F.col("event_type").isin(EventType.DEPARTED.value, EventType.ARRIVED.value)
    earliest = departure + F.expr(f"INTERVAL {EARLIEST_DELAY_MINUTES} MINUTES")
    days_off = F.abs(F.date_diff(flight_date(), departure.cast("date")))
    return [
        F.when(arrival <= departure, F.lit("scheduled_arrival is not after scheduled_departure")),
        F.when((F.col("event_type") == EventType.SCHEDULED.value) & (happened > departure), F.lit("scheduled after its departure")),
        F.when(is_underway & (happened < earliest), F.lit("departed or arrived hours before its departure")),
        F.when(days_off > 1, F.lit("scheduled_departure is not on the date in flight_id")),
        *(_known_too_early(kind, name) for kind, names in FORBIDDEN_DELAYS.items() for name in names),
    ]


def _known_too_early(kind: EventType, delay: str) -> Column:
    too_early = (F.col("event_type") == kind.value) & F.col(delay).isNotNull()
    return F.when(too_early, F.lit(f"{delay} in a {kind.value} event"))


def with_dimensions(parsed: DataFrame, airlines: DataFrame, airports: DataFrame) -> DataFrame:
    """Adds ``origin_time_zone`` and the problems of codes that the dimensions do not have; both are broadcast.

    ``airlines`` has ``code``; ``airports`` has ``code`` and ``time_zone``.
    """
    carriers = airlines.select(F.col("code").alias("airline"), F.lit(True).alias("_knows_airline"))
    origins = airports.select(F.col("code").alias("origin"), F.col("time_zone").alias("origin_time_zone"))
    destinations = airports.select(F.col("code").alias("destination"), F.lit(True).alias("_knows_destination"))
    unknown_airline = F.when(F.col("airline").isNotNull() & F.col("_knows_airline").isNull(), F.concat(F.lit("airline "), "airline"))
    unknown_airports = [
        F.when(F.col("origin").isNotNull() & F.col("origin_time_zone").isNull(), F.concat(F.lit("origin "), "origin")),
        F.when(F.col("destination").isNotNull() & F.col("_knows_destination").isNull(), F.concat(F.lit("destination "), "destination")),
    ]
    unknown = F.array_compact(
        F.array(_listed(Reason.UNKNOWN_AIRLINE, [unknown_airline]), _listed(Reason.UNKNOWN_AIRPORT, unknown_airports))
    )
    return (
        parsed.join(F.broadcast(carriers), "airline", "left")
        .join(F.broadcast(origins), "origin", "left")
        .join(F.broadcast(destinations), "destination", "left")
        .withColumn("problems", F.concat("problems", unknown))
        .drop("_knows_airline", "_knows_destination")
    )


def with_reason(checked: DataFrame) -> DataFrame:
    """Replaces ``problems`` by ``reason`` and ``detail`` of the first in the order of ``Reason``; null where there is none."""
    order = F.array(*(F.lit(reason.value) for reason in Reason))
    ranked = F.transform("problems", lambda p: F.struct(F.array_position(order, p["reason"]).alias("rank"), p["reason"], p["detail"]))
    return (
        checked.withColumn("_first", F.array_min(ranked))
        .select("*", F.col("_first.reason").alias("reason"), F.col("_first.detail").alias("detail"))
        .drop("problems", "_first")
    )
