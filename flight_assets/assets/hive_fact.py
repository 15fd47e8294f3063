"""Asset ``hive_fact``: one row per flight in the warehouse."""

from dagster import AssetExecutionContext, MaterializeResult

from flight_assets.assets.pipeline import PipelineResource, report, step_asset
from flight_assets.contracts.tables import FACT
from flight_assets.pipeline import check_results
from flight_assets.pipeline.run_step import Done
from flight_assets.pipeline.write_fact import flights_there, merge_flights
from flight_assets.provenance import BatchRecord


@step_asset(deps=["mongo_hot", "predictions"], kinds={"spark", "deltalake", "hive"})
def hive_fact(context: AssetExecutionContext, pipeline: PipelineResource) -> MaterializeResult[None]:
    """One row per flight of flight_dw.fact_flight_events: newest state, prediction, actual and error."""

    def work(record: BatchRecord) -> Done:
        rows = pipeline.rows
        if not record.flights:
            return Done({"merged": 0}, check_results.of_fact(rows, record, 0, 0))
        flights, scope = rows.flights(record), rows.scope(record)
        # A repeat finds its rows merged. They still have its batch number, because batches come in order.
        merged = merge_flights(rows.warehouse, flights, scope) or rows.warehouse.count_of_batch(
            FACT, record.batch_id
        )
        context.log.info("batch %d: %d flights merged", record.batch_id, merged)
        return Done(
            {"merged": merged},
            check_results.of_fact(rows, record, *flights_there(rows.warehouse, flights, scope)),
        )

    records = pipeline.run("hive_fact", work)
    return report(
        pipeline, "hive_fact", records, {"merged": sum(record.merged or 0 for record in records)}, FACT
    )
