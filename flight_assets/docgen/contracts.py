"""Pages of the contracts: message, features and tables."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

from flight_assets.contracts import feature_windows, features, message, tables
from flight_assets.docgen.markdown import code_list, page, table

# Tables of flights go on one page; those about batches, checks, archives and codes on another.
FLIGHT_TABLES = (
    *(tables.STAGING, tables.STAGED_IDS, tables.QUARANTINE, tables.PREDICTIONS),
    *(tables.CHALLENGER_PREDICTIONS, tables.FACT),
)


def message_page() -> str:
    """Return the page of the Kafka message: versions, fields, weather, delays by event type, reasons."""
    taken = table(
        ("version", "accepted since", "fields"),
        ([v, since, len(message.fields_of(v))] for v, since in message.TAKEN_SINCE.items()),
    )
    delays = table(
        ("event type", "must have", "must not have"),
        ([kind.value, *(code_list(rule[kind]) for rule in _DELAY_RULES)] for kind in message.EventType),
    )
    reasons = "\n".join(f"{number}. `{reason.value}`" for number, reason in enumerate(message.Reason, 1))
    return page(
        "The message",
        "`flight_assets/contracts/message.py`",
        "A message is a JSON object in UTF-8. Its Kafka key is the `flight_id`. "
        f"A message has at most {message.MAX_MESSAGE_BYTES:,} bytes. Times are RFC 3339.",
        "## Versions",
        taken,
        "## Fields",
        _fields(message.MESSAGE_FIELDS),
        "## Weather",
        "The object `weather` has these fields. Each may be null. A value out of range is dropped and lowers"
        " the quality score.",
        _fields(message.WEATHER_FIELDS),
        "## Delays by event type",
        delays,
        "## Reasons of rejection",
        "A rejected message has one reason: the first of this list that applies. "
        "`batch_moved` is no fault of the message: an operator moved its whole batch to quarantine.",
        reasons,
    )


_DELAY_RULES = (message.REQUIRED_DELAYS, message.FORBIDDEN_DELAYS)


def _fields(fields: Iterable[message.Field]) -> str:
    rows = (
        (
            f"`{field.name}`",
            field.json_type,
            field.unit,
            _range(field),
            "yes" if field.required else "no",
            field.since,
            field.description,
        )
        for field in fields
    )
    return table(("field", "type", "unit", "range", "required", "since version", "meaning"), rows)


def _range(field: message.Field) -> str:
    bounds = []
    if isfinite(field.low):
        bounds.append(f"{'>' if field.low_open else '≥'} {field.low:,}")
    if isfinite(field.high):
        bounds.append(f"{'<' if field.high_open else '≤'} {field.high:,}")
    return ", ".join(bounds)


def features_page() -> str:
    """Return the page of the delay model's inputs."""
    rows = (
        (f"`{feature.name}`", feature.unit, _events(feature), _window(feature.window), feature.description)
        for feature in features.FEATURES
    )
    hours = feature_windows.LOOKBACK.total_seconds() / 3600
    return page(
        "Features of the delay model",
        "`flight_assets/contracts/features.py`",
        f"The model has {len(features.FEATURES)} features. T is the time of the flight's `scheduled` event. "
        "A window of 2 h ends at T; `message` is that event. "
        f"No event older than {hours:g} hours before T changes a feature.",
        table(("feature", "unit", "events", "window", "meaning"), rows),
    )


def _events(feature: features.Feature) -> str:
    return "–" if feature.window == "message" else feature.source


def _window(window: str) -> str:
    return window.removesuffix(" before T")


def tables_page(title: str, of: Iterable[tables.Table]) -> str:
    """Return a page of warehouse tables: grain, key, partitions, columns."""
    parts = [part for each in of for part in (f"## {each.name}", _about(each), _columns(each))]
    return page(
        title,
        "`flight_assets/contracts/tables/`",
        "All tables are in the database `flight_dw`, in Delta format on HDFS. They are registered in Hive.",
        *parts,
    )


def _about(each: tables.Table) -> str:
    partitions = f" Partitioned by {code_list(each.partitioned_by)}." if each.partitioned_by else ""
    return f"One row per {each.grain}. Key: {code_list(each.key)}.{partitions}"


def _columns(each: tables.Table) -> str:
    def spelled(column: tables.Column) -> str:
        return (
            "STRUCT, see [weather](message.md#weather)"
            if column.type == tables.WEATHER_TYPE
            else f"{column.type}"
        )

    rows = ((f"`{column.name}`", spelled(column), column.unit, column.description) for column in each.columns)
    return table(("column", "type", "unit", "meaning"), rows)
