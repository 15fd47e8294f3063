"""Asset ``predictions``: the predicted delay of each flight, and its outcome."""

from dagster import AssetExecutionContext, MaterializeResult

from flight_assets.assets.pipeline import PipelineResource, report, step_asset
from flight_assets.contracts.tables import PREDICTIONS
from flight_assets.pipeline import check_results, check_rules, early_predictions, trust
from flight_assets.pipeline.fill_in import fill_in
from flight_assets.pipeline.predict import merge_challenger, merge_predictions, prediction_counts
from flight_assets.pipeline.predictors import Predictors, usable_predictors
from flight_assets.pipeline.run_step import Done
from flight_assets.provenance import BatchRecord
from flight_assets.stores.models import ModelStore


@step_asset(deps=["staged_events"], kinds={"spark", "xgboost", "deltalake"})
def predictions(context: AssetExecutionContext, pipeline: PipelineResource) -> MaterializeResult[None]:
    """One row per predicted flight (flight_dw.predictions), from its scheduled event.

    The outcome is added later.

    Without a usable model, batches continue. Their flights get a prediction from the first run with a usable
    model.
    """
    models = usable_predictors(pipeline.settings, ModelStore(pipeline.hdfs))
    if models.problem:
        context.log.error(models.problem)
    filled = (
        fill_in(pipeline.rows, pipeline.ledger, models, pipeline.amend)
        if models.champion and pipeline.ledger.unpredicted()
        else 0
    )

    def work(record: BatchRecord) -> Done:
        if not record.flights:
            return Done(
                {"to_predict": 0, "predicted": 0, "seen_too_late": 0},
                check_results.of_predictions(pipeline.rows, record, 0, 0),
            )
        rows = pipeline.rows
        early = early_predictions.taken_over(pipeline.settings, pipeline.hdfs, record)
        flights, scope = rows.flights(record, models, early), rows.scope(record)
        if models.challenger:
            merge_challenger(rows.warehouse, flights, scope)
        merge_predictions(rows.warehouse, flights, scope)
        found = prediction_counts(rows.warehouse, flights, scope)
        counts = {name: found[name] for name in ("to_predict", "seen_too_late", "predicted")}
        if models.champion is None and counts["to_predict"]:
            pipeline.ledger.add_unpredicted(record.batch_id)
        context.log.info(
            "batch %d: %d predictions by %s", record.batch_id, counts["predicted"], models.champion
        )
        made_by = {"model_version": models.champion, "challenger_version": models.challenger}
        counted = record.model_copy(update=counts)
        results = check_results.of_predictions(rows, counted, found["rows"], found["keys"])
        kept = trust.kept_of_batch(pipeline.hdfs, record.batch_id) if models.champion else None
        shift = [check_rules.domain_shift(kept.shift)] if kept else []
        return Done(counts | made_by, results + shift)

    records = pipeline.run("predictions", work)
    return _reported(pipeline, models, records, filled)


def _reported(
    pipeline: PipelineResource, models: Predictors, records: list[BatchRecord], filled: int
) -> MaterializeResult[None]:
    totals = {
        name: sum(getattr(record, name) or 0 for record in records) for name in ("predicted", "seen_too_late")
    }
    result = report(pipeline, "predictions", records, totals | {"filled_in_later": filled}, PREDICTIONS)
    about = {"model_version": models.champion or "none", "challenger_version": models.challenger or "none"}
    about["serving"] = trust.state_before(pipeline.hdfs).serving if models.champion else "none"
    waiting = {"batches_waiting_for_a_model": len(pipeline.ledger.unpredicted())}
    problem = {"model_problem": models.problem} if models.problem else {}
    return MaterializeResult(metadata={**(result.metadata or {}), **about, **waiting, **problem})
