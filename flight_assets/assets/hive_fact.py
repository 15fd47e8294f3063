"""hive_fact: one row per flight in the warehouse, and the batch's record as a row beside it."""

from dagster import AssetExecutionContext, MaterializeResult

from flight_assets.assets.pipeline import PipelineResource, report, step_asset
from flight_assets.contracts.tables import FACT


@step_asset(deps=["mongo_hot", "predictions"], kinds={"spark", "deltalake", "hive"})
def hive_fact(context: AssetExecutionContext, pipeline: PipelineResource) -> MaterializeResult[None]:
    """One row per flight (flight_dw.fact_flight_events): newest state, frozen prediction, actual and error."""
    records = []
    for record in pipeline.batches("hive_fact"):
        rows = pipeline.rows
        # A repeat finds its rows merged already; they still carry its number, since batches come in order.
        merged = rows.house.merge_flights(rows.states(record), rows.flight_dates(record))
        record.merged = merged or rows.house.count_of_batch(FACT, record.batch_id)
        records.append(record)
        context.log.info("batch %d: %d flights merged", record.batch_id, record.merged)
    counts = {"merged": sum(record.merged or 0 for record in records)}
    return report(pipeline, "hive_fact", records, counts, FACT, pipeline.rows.flights)
