"""predictions: each flight's delay, predicted from its scheduled event, and how it ended."""

from dataclasses import dataclass
from functools import reduce

import pyarrow as pa
from dagster import AssetExecutionContext, MaterializeResult
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from flight_assets.assets.pipeline import PipelineResource, report, step_asset
from flight_assets.contracts.message import EventType
from flight_assets.contracts.tables import PREDICTIONS, STAGING
from flight_assets.delay_model.errors import ModelError
from flight_assets.provenance import BatchRecord
from flight_assets.settings import Settings
from flight_assets.stores import ahead, mongo, rollups
from flight_assets.pipeline.batch_rows import BatchRows
from flight_assets.pipeline.inference import first_seen_in, history_of, predicted, with_features
from flight_assets.stores.models import ModelStore
from flight_assets.pipeline.write_hot import fill_in_predictions
from flight_assets.stores.warehouse import computed
from flight_assets.transforms.flights import outcomes, prediction_rows


@dataclass(frozen=True)
class Predictors:
    """The versions that predict in this run; ``problem`` says in a sentence why there is no champion, or no challenger."""

    champion: str | None
    challenger: str | None
    pinned_sha256: str
    problem: str | None

    def column(self, version: str) -> Column:
        """What a version says, from the column ``features``."""
        return predicted(version, self.pinned_sha256)


@step_asset(deps=["staged_events"], kinds={"spark", "xgboost", "deltalake"})
def predictions(context: AssetExecutionContext, pipeline: PipelineResource) -> MaterializeResult[None]:
    """One row per predicted flight (flight_dw.predictions), from its scheduled event and what was known then; truth joins later.

    Without a usable model the stream goes on: the flights stay without prediction, and get it from the first run that has one.
    """
    models = usable_predictors(pipeline.settings, ModelStore(pipeline.hdfs))
    if models.problem:
        context.log.error(models.problem)
    filled = fill_in(pipeline, models) if models.champion else 0
    records = []
    for record in pipeline.batches("predictions"):
        predict_batch(pipeline.rows, record, models, _made_early(pipeline, record))
        if models.champion is None and record.to_predict:
            pipeline.ledger.add_unpredicted(record.batch_id)
        records.append(record)
        context.log.info("batch %d: %d predictions by %s", record.batch_id, record.predicted, models.champion)
    counts = {name: sum(getattr(record, name) or 0 for record in records) for name in ("predicted", "seen_too_late")}
    result = report(pipeline, "predictions", records, counts | {"filled_in_later": filled}, PREDICTIONS, pipeline.rows.predictions)
    about = {"model_version": models.champion or "none", "challenger_version": models.challenger or "none"}
    waiting = {"batches_waiting_for_a_model": len(pipeline.ledger.unpredicted())}
    problem = {"model_problem": models.problem} if models.problem else {}
    return MaterializeResult(metadata={**(result.metadata or {}), **about, **waiting, **problem})


def usable_predictors(settings: Settings, store: ModelStore) -> Predictors:
    """Champion and challenger, as far as they can be loaded and were made for these features."""
    pinned = settings.pickled_model_sha256
    state = store.state()
    if state is None or state.champion is None:
        return Predictors(
            None, None, pinned, "there is no delay model: flights stay without prediction until `flights model train` has run"
        )
    problem = _problem(store, state.champion, pinned)
    if problem:
        remedy = "flights stay without prediction until `flights model rollback`, `promote` or `train` gives a usable one"
        return Predictors(None, None, pinned, f"the champion cannot be used: {problem}; {remedy}")
    against = _problem(store, state.challenger, pinned) if state.challenger else None
    challenger = None if against else state.challenger
    return Predictors(state.champion, challenger, pinned, f"the challenger cannot be used: {against}" if against else None)


def _problem(store: ModelStore, version: str, pinned_sha256: str) -> str | None:
    try:
        store.load(version, pinned_sha256)
    except ModelError as error:
        return str(error)
    return None


def _made_early(pipeline: PipelineResource, record: BatchRecord) -> pa.Table | None:
    """What continuous processing has predicted from the batch's events; what earlier batches have taken over is forgotten."""
    with mongo.database(pipeline.settings) as db:
        ahead.forget_before(db, {partition: taken.first for partition, taken in record.offsets.items()})
        return ahead.of_batch(db, pipeline.hdfs, record)


def predict_batch(rows: BatchRows, record: BatchRecord, models: Predictors, early: pa.Table | None) -> None:
    """Predict the flights that a batch announced, and fill in the truth of those that it saw end.

    ``early``: predictions that were made ahead of it, from ``ahead.of_batch``; they stand.
    """
    predicted = _predict(rows, record, models, early)
    if models.challenger:
        record.challenger_version = models.challenger
    _keep(rows, record, predicted, rows.events(record))


def fill_in(pipeline: PipelineResource, models: Predictors) -> int:
    """Predict the flights of the batches that had no model, from what was known then, in every store; returns how many."""
    filled = 0
    house, ledger = pipeline.warehouse, pipeline.ledger
    for batch_id in ledger.unpredicted():
        record = ledger.record(batch_id)
        predicted = computed(_predict(pipeline.rows, record, models, ahead.kept_of_batch(pipeline.hdfs, batch_id)))
        _keep(pipeline.rows, record, predicted, house.read(STAGING).join(predicted.select("flight_id"), "flight_id", "left_semi"))
        made = house.read(PREDICTIONS).where(f"batch_id = {batch_id}")
        house.merge_into_flights(made)
        fill_in_predictions(made, pipeline.settings)
        pipeline.amend(record)
        # These rows carry old batches, so the rollups would not see that they have changed.
        days = [row.flight_date for row in made.select("flight_date").distinct().collect()]
        for table in rollups.ROLLUPS:
            rollups.update_rollup(house, pipeline.settings, table, days)
        ledger.remove_unpredicted(batch_id)
        filled += record.predicted or 0
    return filled


def _predict(rows: BatchRows, record: BatchRecord, models: Predictors, early: pa.Table | None) -> DataFrame:
    """The predictions of a batch; fills in the record's counts and version, and keeps what a challenger says."""
    house = rows.house
    staged = house.read(STAGING).where(f"batch_id <= {record.batch_id}")
    earlier = staged.where(f"batch_id < {record.batch_id}")
    first = computed(ahead.joined(first_seen_in(rows.events(record), earlier, rows.flight_dates(record)), early))
    is_announced, is_made = F.col("event_type") == EventType.SCHEDULED.value, F.col("early").isNotNull()
    groups = first.groupBy(is_announced.alias("announced"), is_made.alias("made"), F.to_date("timestamp").alias("day")).count().collect()
    announced = [group for group in groups if group.announced]
    record.to_predict = sum(group["count"] for group in announced)
    record.seen_too_late = sum(group["count"] for group in groups if not group.announced)
    record.model_version = models.champion
    if not (models.champion and record.to_predict):
        return house.read(PREDICTIONS).limit(0)
    scheduled = first.where(is_announced)
    made = [prediction_rows(scheduled.where(is_made), F.col("early"))] if any(group.made for group in announced) else []
    days = [group.day for group in announced if models.challenger or not group.made]
    if not days:
        return made[0]
    asked = scheduled if models.challenger else scheduled.where(~is_made)
    ready = asked.join(with_features(asked, history_of(days, staged)), "event_id")
    if models.challenger:
        ready = computed(ready)
        house.merge_challenger(prediction_rows(ready, models.column(models.challenger)))
    return reduce(DataFrame.unionByName, [prediction_rows(ready.where(~is_made), models.column(models.champion)), *made])


def _keep(rows: BatchRows, record: BatchRecord, predicted: DataFrame, events: DataFrame) -> None:
    """Write predictions, and how flights ended by these events; fills in how many predictions the batch has."""
    inserted = rows.house.merge_predictions(predicted, outcomes(events), rows.flight_dates(record)).inserted
    # A repeat finds its predictions made already; they still carry its number.
    record.predicted = (
        (inserted or rows.house.count_of_batch(PREDICTIONS, record.batch_id)) if record.to_predict and record.model_version else 0
    )
