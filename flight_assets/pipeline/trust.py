"""Trust states of the batches on HDFS, and the pass over a batch's flights that makes the next one.

Each batch with flights has one file: the state after it, the outcomes that it learned, and figures on how its
flights differ from training. The file is written once, before the step is marked done. A repeat or a rebuild
of the batch begins with the state of the batch before and takes the outcomes from the file. So it makes the
same forecasts.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator  # not only for type checkers: Spark reads the annotations
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from flight_assets.contracts.tables import SIDE_COLUMNS
from flight_assets.delay_model.serving.advance import advance
from flight_assets.delay_model.serving.domain import BORDERLINE, MARK_COLUMNS, OUT_OF_DOMAIN
from flight_assets.delay_model.serving.predict import PREDICTION_COLUMNS
from flight_assets.delay_model.serving.trust import TrustState, forecasts
from flight_assets.provenance import METADATA_ROOT
from flight_assets.settings import get_settings
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.spark_types import struct

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from flight_assets.pipeline.predictors import Predictors

TRUST_ROOT = f"{METADATA_ROOT}/trust"
# A listing of one folder stays short.
BATCHES_PER_FOLDER = 1_000
_STATE, _SHIFT = b"state", b"domain_shift"
OUTCOME_SCHEMA = pa.schema(
    [
        *[("flight_id", pa.string()), ("at", pa.int64()), ("taken", pa.int64())],
        *[("actual_delay_minutes", pa.float64()), ("airline", pa.string()), ("origin", pa.string())],
        *[("hour", pa.float64()), ("model_version", pa.string())],
        *[(name, pa.float64()) for name in SIDE_COLUMNS],
    ]
)
MOST_REASONS = 5
_MARKS = ("domain_mark", "domain_reasons")
# Columns that the models' pass adds for the trust state: null for flights that it does not ask about.
ASKED_SCHEMA = pa.schema(
    [
        *[("_is_asked", pa.bool_()), ("_hour", pa.int32())],
        *[("domain_likeness", pa.float64()), ("typical_width_minutes", pa.float64())],
    ]
)


@dataclass(frozen=True)
class DomainShift:
    """How a batch's predicted flights differ from training: counts by mark, and the most frequent reasons."""

    flights: int
    borderline: int
    out_of_domain: int
    reasons: dict[str, int]

    @property
    def share(self) -> float:
        """Return the share of flights that are out of domain, 0–1."""
        return self.out_of_domain / self.flights if self.flights else 0.0


@dataclass(frozen=True)
class Kept:
    """Content of a batch's file."""

    state: TrustState
    outcomes: pd.DataFrame
    shift: DomainShift


def kept_of_batch(hdfs: Hdfs, batch_id: int) -> Kept | None:
    """Return what a batch has left; None if it has not yet, or had no flights."""
    try:
        content = hdfs.read(_path(batch_id))
    except FileNotFoundError:
        return None
    with pa.ipc.open_file(pa.BufferReader(content)) as reader:
        table, about = reader.read_all(), reader.schema.metadata
    state = TrustState.from_json(zlib.decompress(about[_STATE]).decode())
    return Kept(state, table.to_pandas(), DomainShift(**json.loads(about[_SHIFT])))


def state_before(hdfs: Hdfs, batch_id: int | None = None) -> TrustState:
    """Return the newest state of the batches before this one, or of all; a fresh one if there is none."""
    newest = newest_batch(hdfs, batch_id)
    kept = None if newest is None else kept_of_batch(hdfs, newest)
    return kept.state if kept else TrustState()


def newest_batch(hdfs: Hdfs, before: int | None = None) -> int | None:
    """Return the number of the newest batch with a state, of those before ``before`` or of all."""
    for folder in reversed(hdfs.list(TRUST_ROOT)):
        if before is not None and int(folder) * BATCHES_PER_FOLDER >= before:
            continue
        numbers = [int(name.split("_")[1].split(".")[0]) for name in hdfs.list(f"{TRUST_ROOT}/{folder}")]
        earlier = [number for number in numbers if before is None or number < before]
        if earlier:
            return max(earlier)
    return None


def _path(batch_id: int) -> str:
    return f"{TRUST_ROOT}/{batch_id // BATCHES_PER_FOLDER:06d}/batch_{batch_id:08d}.arrow"


def _keep(hdfs: Hdfs, batch_id: int, kept: Kept) -> None:
    shift = json.dumps(vars(kept.shift), sort_keys=True).encode()
    table = pa.Table.from_pandas(kept.outcomes[OUTCOME_SCHEMA.names], OUTCOME_SCHEMA, preserve_index=False)
    table = table.replace_schema_metadata(
        {_STATE: zlib.compress(kept.state.to_json().encode()), _SHIFT: shift}
    )
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    hdfs.write(_path(batch_id), sink.getvalue().to_pybytes())


def pass_over(
    hdfs: Hdfs,
    batch_id: int,
    version: str,
    asked: pd.DataFrame,
    outcomes: pd.DataFrame,
    keeps: bool,
    early: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return the forecasts of a batch's flights, as ``advance`` makes them, and keep the state after it.

    A batch without a file that keeps none gets no forecasts: those of the model stand. Such are batches
    that an older version processed, or that had no model at their time.

    Args:
        hdfs: client of HDFS.
        batch_id: the batch.
        version: the champion.
        asked: the flights to forecast, as ``advance`` takes them.
        outcomes: outcomes that the batch brought, as ``advance`` takes them; those that the file of the batch
            has are taken instead.
        keeps: whether to write the file if there is none.
        early: marks of the flights that live processing has forecast, from ``early_of``.
    """
    kept = kept_of_batch(hdfs, batch_id)
    if kept is None and not keeps:
        return forecasts(TrustState(), asked.iloc[:0])
    state = state_before(hdfs, batch_id)
    made, learned = advance(state, version, asked, outcomes if kept is None else kept.outcomes)
    if kept is None and keeps:
        marked = pd.concat([made, early], ignore_index=True, join="inner")
        _keep(hdfs, batch_id, Kept(state, learned, _shift(marked)))
    return made


def _shift(marked: pd.DataFrame) -> DomainShift:
    marks = marked["domain_mark"].value_counts()
    reasons = marked["domain_reasons"].dropna().str.split("; ").explode()
    # The share is another one for each flight; its reason counts as one.
    plain = reasons.str.replace(r"^\d+% of", "some of", regex=True)
    counts = plain.value_counts().head(MOST_REASONS)
    return DomainShift(
        len(marked),
        int(marks.get(BORDERLINE, 0)),
        int(marks.get(OUT_OF_DOMAIN, 0)),
        {str(name): int(count) for name, count in counts.items()},
    )


def trusted(flights: DataFrame, batch_id: int, predictors: Predictors, schema: pa.Schema) -> DataFrame:
    """Return the flights with the forecasts of the trust state, and keep the batch's own state. Lazy.

    One Python worker sees all flights of the batch, because a forecast depends on the outcomes before it.

    Args:
        flights: rows of ``schema`` with the model's forecasts, ASKED_SCHEMA, and _actual.
        batch_id: the batch.
        predictors: the models.
        schema: columns to return.
    """
    return flights.repartition(1).mapInArrow(_pass(batch_id, predictors, schema), struct(schema))


def _pass(
    batch_id: int, predictors: Predictors, schema: pa.Schema
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def decide(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        parts = list(batches)
        if not parts:
            return
        rows = pa.Table.from_batches(parts)
        asked, outcomes = asked_of(rows), outcomes_of(rows)
        made = pass_over(
            Hdfs(get_settings()),
            batch_id,
            str(predictors.champion),
            asked,
            outcomes,
            predictors.keeps_trust,
            early_of(rows),
        )
        yield from with_forecasts(rows, made).select(schema.names).cast(schema).to_batches()

    return decide


def asked_of(rows: pa.Table) -> pd.DataFrame:
    """Return the flights that need a forecast, as ``advance`` takes them."""
    import pyarrow.compute as pc

    asked = rows.filter(pc.fill_null(rows["_is_asked"], False))
    names = ["flight_id", "airline", "origin", *PREDICTION_COLUMNS, *MARK_COLUMNS, "typical_width_minutes"]
    frame = asked.select(names).to_pandas()
    return frame.assign(
        hour=asked["_hour"].to_pandas(), at=_seconds(asked["prediction_timestamp"])
    ).set_index("flight_id")


def early_of(rows: pa.Table) -> pd.DataFrame:
    """Return domain_mark and domain_reasons of the flights that live processing has forecast."""
    import pyarrow.compute as pc

    is_asked = pc.fill_null(rows["_is_asked"], False)
    is_early = pc.and_(pc.fill_null(rows["is_announced"], False), pc.invert(is_asked))
    early: pd.DataFrame = rows.filter(is_early).select(_MARKS).to_pandas()
    return early.dropna(subset=["domain_mark"])


def outcomes_of(rows: pa.Table) -> pd.DataFrame:
    """Return the delays that came true in this batch, as ``advance`` takes them."""
    import pyarrow.compute as pc

    is_new = pc.and_(pc.fill_null(rows["is_newest"], False), pc.is_valid(rows["_actual"]))
    ended = rows.filter(is_new)
    frame = ended.select(
        ["flight_id", "airline", "origin", "hour", "model_version", *SIDE_COLUMNS]
    ).to_pandas()
    return frame.assign(
        actual_delay_minutes=ended["_actual"].to_pandas(),
        at=_seconds(ended["timestamp"]),
        taken=_seconds(ended["ingestion_timestamp"]),
    )


def with_forecasts(rows: pa.Table, made: pd.DataFrame) -> pa.Table:
    """Return the rows with these forecasts, by flight_id, in place of the model's own."""
    import pyarrow.compute as pc

    places = pc.index_in(rows["flight_id"], pa.array(made.index, pa.string()))
    is_made = pc.is_valid(places)
    for name in made.columns:
        column = rows.column_names.index(name)
        values = pa.array(made[name], rows.schema.field(name).type, from_pandas=True)
        chosen = pc.if_else(is_made, values.take(places.combine_chunks()), rows[name])
        rows = rows.set_column(column, rows.schema.field(name), chosen)
    return rows


def _seconds(times: pa.ChunkedArray) -> Any:  # noqa: ANN401 - a numpy array of integers
    return times.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy() // 1_000_000
