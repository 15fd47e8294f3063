"""When a check passes, as plain functions from a record or a frame to a CheckResult.

Nothing here connects or writes. The list of checks is in ``checks``, the source of the figures in
``check_results``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_assets.contracts.tables import STAGED_IDS
from flight_assets.pipeline.checks import (
    ALL_IN_FACT,
    ALL_IN_MONGO,
    CODES_KNOWN,
    CONSERVED,
    DOMAIN_SHIFT,
    FIELDS_KNOWN,
    FRESH,
    IDS_COMPLETE,
    OFFSETS,
    QUALITY,
    REJECTED,
    SCHEMAS,
    VALUES_CLEAN,
    Check,
)
from flight_assets.provenance import BatchRecord, CheckResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import DataFrame

    from flight_assets.contracts.tables import Table
    from flight_assets.pipeline.trust import DomainShift


# The mean quality of a handful of events says little about their source: with fewer than this, `quality`
# passes.
EVENTS_TO_JUDGE_BY = 100
REJECTED_SHARE_TOLD = 0.2
OUT_OF_DOMAIN_TOLD = 0.3


def offsets_follow_on(record: BatchRecord, next_before: dict[str, int]) -> CheckResult:
    """Return whether the batch begins where the one before ended and holds every message of its offsets once.

    Offsets without a message are normal: transaction markers, aborted messages and compacted ones. The detail
    names offsets that retention has deleted and rows that cannot be read. ``next_before``: the next offsets
    of the batch before.
    """
    begins = next_before | {partition: lost.last + 1 for partition, lost in record.lost.items()}
    spans = record.offsets.items()
    known = record.record_count + record.without_message
    off = record.off + abs(known - sum(span.last + 1 - span.first for _, span in spans))
    off += sum(abs(span.first - begins.get(partition, span.first)) for partition, span in spans)
    lost = {name: (gap.first, gap.last) for name, gap in record.lost.items()}
    told = [
        f"{record.record_count} messages in {len(record.offsets)} partitions, {off} missing or surplus",
        f"{record.without_message} offsets without a message" if record.without_message else "",
        f"{record.unreadable} rows for what is unreadable in Kafka" if record.unreadable else "",
        f"lost by retention: {lost}" if lost else "",
    ]
    return OFFSETS.result(off == 0, off, 0, ", ".join(filter(None, told)))


def fresh(waiting: int, behind_s: float, threshold_s: float) -> CheckResult:
    """Return whether landing keeps up with the topic.

    Args:
        waiting: messages that were in the topic when the run began and have not landed.
        behind_s: seconds from the newest landed message to the topic's newest, by Kafka's clock; 0 if none
            waits.
        threshold_s: seconds that it may be behind.
    """
    detail = f"{waiting} messages wait, the newest {behind_s:.0f} s after what has landed"
    return FRESH.result(waiting == 0 or behind_s <= threshold_s, behind_s, threshold_s, detail)


def messages_conserved(record: BatchRecord, staged_rows: int, quarantined_rows: int) -> CheckResult:
    """Return whether promise P1 holds for the batch, in its record and against the rows of the two tables."""
    staged, duplicate, quarantined = record.staged or 0, record.duplicate or 0, record.quarantined or 0
    sums = [
        record.record_count - (staged + duplicate + quarantined),
        quarantined - sum(record.quarantined_by_reason.values()),
        staged - staged_rows,
        quarantined - quarantined_rows,
    ]
    off = sum(map(abs, sums))
    detail = (
        f"raw {record.record_count}; staged {staged} (rows {staged_rows}), duplicate {duplicate}, "
        f"quarantined {quarantined} (rows {quarantined_rows})"
    )
    return CONSERVED.result(off == 0, off, 0, detail)


def key_unique(check: Check, rows: int, keys: int, expected: int | None = None) -> CheckResult:
    """Return whether there are as many rows as keys, and as many as ``expected`` if it is given."""
    off = (rows - keys) + (abs(rows - expected) if expected is not None else 0)
    wanted = f", {expected} expected" if expected is not None else ""
    return check.result(off == 0, off, 0, f"{rows} rows, {keys} keys{wanted}")


def ids_complete(missing: int) -> CheckResult:
    """Return whether the search for duplicates finds every staged event."""
    remedy = (
        f"; `DROP TABLE {STAGED_IDS.name}`, then `flights up`: the next batch fills it anew"
        if missing
        else ""
    )
    return IDS_COMPLETE.result(
        missing == 0, missing, 0, f"{missing} staged events are not in {STAGED_IDS.name}{remedy}"
    )


def quality(rows: int, mean_score: float | None, threshold: float) -> CheckResult:
    """Return whether the mean quality score of the staged events reaches the threshold."""
    score = mean_score if mean_score is not None else 1.0
    is_fine = rows < EVENTS_TO_JUDGE_BY or score >= threshold
    return QUALITY.result(
        is_fine, round(score, 4), threshold, f"mean quality_score {score:.3f} of {rows} events"
    )


def rejected_share(record: BatchRecord) -> CheckResult:
    """Return whether most messages are valid.

    It warns and never blocks: bad messages must not stop a batch.
    """
    share = (record.quarantined or 0) / record.record_count if record.record_count else 0.0
    most = max(record.quarantined_by_reason.items(), key=lambda item: item[1], default=("none", 0))
    detail = f"{record.quarantined or 0} of {record.record_count} rejected, most often {most[0]} ({most[1]})"
    return REJECTED.result(share <= REJECTED_SHARE_TOLD, round(share, 4), REJECTED_SHARE_TOLD, detail)


def fields_known(record: BatchRecord) -> CheckResult:
    """Return whether messages have only fields of the contract.

    It never blocks: unknown fields stay in the raw layer.
    """
    return FIELDS_KNOWN.result(*_named(record.unknown_fields, "fields beyond the contract"))


def values_clean(record: BatchRecord) -> CheckResult:
    """Return whether no optional value had to be dropped as impossible."""
    return VALUES_CLEAN.result(*_named(record.cleaned_values, "dropped values"))


def codes_known(record: BatchRecord) -> CheckResult:
    """Return whether the reference data has every code of the staged events."""
    return CODES_KNOWN.result(
        *_named(record.unknown_codes, "codes without reference data, see `flights reference unknown`")
    )


def _named(counts: Mapping[str, int], of_what: str) -> tuple[bool, float, float, str]:
    total = sum(counts.values())
    names = ", ".join(f"{name} ({count})" for name, count in counts.items())
    return not total, total, 0, f"{of_what}: {names or 'none'}"


def domain_shift(shift: DomainShift) -> CheckResult:
    """Return whether the predicted flights are like the training flights. It only warns: they are marked."""
    is_fine = shift.flights < EVENTS_TO_JUDGE_BY or shift.share <= OUT_OF_DOMAIN_TOLD
    names = ", ".join(f"{reason} ({count})" for reason, count in shift.reasons.items())
    detail = (
        f"{shift.flights} predicted, {shift.borderline} borderline, {shift.out_of_domain} out of domain; "
        f"reasons: {names or 'none'}"
    )
    return DOMAIN_SHIFT.result(is_fine, round(shift.share, 4), OUT_OF_DOMAIN_TOLD, detail)


def all_in_mongo(record: BatchRecord) -> CheckResult:
    """Return whether MongoDB has counted each flight of the batch, as upserted or as out of order."""
    written = (record.upserted or 0) + (record.out_of_order or 0)
    off = abs((record.flights or 0) - written)
    detail = f"{record.flights} flights, {record.upserted} upserted, {record.out_of_order} met a newer state"
    return ALL_IN_MONGO.result(off == 0, off, 0, detail)


def all_in_fact(record: BatchRecord, flights_there: int) -> CheckResult:
    """Return whether the fact table has each flight of the batch."""
    off = abs((record.flights or 0) - flights_there)
    return ALL_IN_FACT.result(
        off == 0, off, 0, f"{record.flights} flights, {flights_there} of them in the table"
    )


def schema_is_the_contract(asset: str, table: Table, found: Mapping[str, str]) -> CheckResult:
    """Return whether the table has the contract's columns and types.

    Their order may differ: new columns come last.
    """
    wanted = {column.name: _plain(column.type) for column in table.columns}
    present = {name: _plain(kind) for name, kind in found.items()}
    differing = sorted(
        name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name)
    )
    check = next(check for check in SCHEMAS if check.asset == asset)
    detail = f"{len(present)} columns; " + (
        f"not as in the contract: {', '.join(differing)}" if differing else "all as in the contract"
    )
    return check.result(not differing, len(differing), 0, detail)


def _plain(sql_type: str) -> str:
    """Return a type in one spelling: ``STRUCT<a: BIGINT>`` and ``struct<a:bigint>`` become equal."""
    return sql_type.lower().replace(" ", "")


def count_keys(frame: DataFrame, key: tuple[str, ...]) -> tuple[int, int]:
    """Return the rows of a frame, and the distinct keys among them; null counts as a value."""
    from pyspark.sql import functions as F

    row = frame.agg(F.count("*").alias("rows"), F.count_distinct(F.struct(*key)).alias("keys")).collect()[0]
    return int(row["rows"]), int(row["keys"])
