"""predictions: each flight's delay, predicted from its scheduled event, and how it ended."""

from dagster import AssetExecutionContext, MaterializeResult

from flight_assets.assets.pipeline import PipelineResource, report, step_asset
from flight_assets.contracts.tables import PREDICTIONS, STAGING
from flight_assets.provenance import BatchRecord
from flight_assets.stores.inference import history_of, predicted, with_features
from flight_assets.stores.models import ModelStore
from flight_assets.stores.warehouse import Warehouse, cached
from flight_assets.transforms.flights import outcomes, prediction_rows, to_predict


@step_asset(deps=["staged_events"], kinds={"spark", "xgboost", "deltalake"})
def predictions(context: AssetExecutionContext, pipeline: PipelineResource) -> MaterializeResult[None]:
    """One row per predicted flight (flight_dw.predictions), from its scheduled event and what was known then; truth joins later."""
    champion = ModelStore(pipeline.hdfs).champion()
    if champion is None:
        context.log.warning("there is no delay model yet: flights stay without prediction until `flights model train` has run")
    records = []
    for record in pipeline.batches("predictions"):
        predict_batch(pipeline.warehouse, record, champion)
        records.append(record)
        context.log.info("batch %d: %d predictions by %s", record.batch_id, record.predicted, champion)
    counts = {"predicted": sum(record.predicted or 0 for record in records)}
    return report(pipeline, "predictions", records, counts, PREDICTIONS)


def predict_batch(house: Warehouse, record: BatchRecord, champion: str | None) -> None:
    """Predict the flights that a batch announced, then fill in the truth of those that it saw end."""
    events = house.read(STAGING).where(f"batch_id = {record.batch_id}")
    record.model_version = champion
    record.predicted = _predict(house, record.batch_id, champion) if champion else 0
    house.merge_outcomes(outcomes(events))


def _predict(house: Warehouse, batch_id: int, champion: str) -> int:
    staged = house.read(STAGING).where(f"batch_id <= {batch_id}")
    with cached(to_predict(staged.where(f"batch_id = {batch_id}"))) as scheduled:
        features = with_features(scheduled, history_of(scheduled, staged))
        inserted = house.merge_predictions(prediction_rows(scheduled.join(features, "event_id"), predicted(champion)))
    # A repeat finds its predictions made already; they still carry its number.
    return inserted or house.count_of_batch(PREDICTIONS, batch_id)
