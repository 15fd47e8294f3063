"""Running a job here and now, recorded in the platform's Dagster instance: what the command line does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagster import AssetCheckEvaluation, AssetCheckSeverity, DagsterEventType, DagsterInstance, Failure

from flight_assets.errors import FlightsError

if TYPE_CHECKING:
    from dagster import ExecuteInProcessResult

    from flight_assets.settings import Settings

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run_job(settings: Settings, job_name: str, op_config: dict[str, Any] | None = None) -> None:
    """Run a job of the code location in this process.

    Configuration of its steps, if given, replaces the job's own.

    Raises:
        FlightsError: a step failed; the message is the step's own sentence.
    """
    from flight_assets.definitions import defs

    config = QUIET | ({"ops": op_config} if op_config else {})
    with DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        job = defs.resolve_job_def(job_name)
        result = job.execute_in_process(instance=instance, raise_on_error=False, run_config=config)
        if not result.success or _held_up(result):
            raise FlightsError(_reason(result))


def _held_up(result: ExecuteInProcessResult) -> list[str]:
    """Return what failed checks of integrity say about the batches that they hold."""
    checks = [
        e.event_specific_data
        for e in result.all_events
        if e.event_type == DagsterEventType.ASSET_CHECK_EVALUATION
    ]
    return [
        check.description or check.check_name
        for check in checks
        if isinstance(check, AssetCheckEvaluation)
        and not check.passed
        and check.severity == AssetCheckSeverity.ERROR
    ]


def _reason(result: ExecuteInProcessResult) -> str:
    if held_up := _held_up(result):
        return "; ".join(held_up)
    kinds = (
        DagsterEventType.STEP_FAILURE,
        DagsterEventType.RUN_FAILURE,
        DagsterEventType.RESOURCE_INIT_FAILURE,
    )
    for event in result.all_events:
        if event.event_type in kinds:
            data = event.event_specific_data
            failure = getattr(data, "user_failure_data", None)
            if failure and failure.description:
                return str(failure.description)
            error = getattr(data, "error", None)
            if error:
                return _sentence(error)
    return "the run failed; see its page in Dagster"


def _sentence(error: Any) -> str:  # noqa: ANN401 - Dagster's serialisable error
    """Return the text of the Failure in a chain of causes; without one, that of the root cause."""
    while error.cause and error.cls_name != Failure.__name__:
        error = error.cause
    return str(error.message).strip().splitlines()[0].split(f"{Failure.__name__}: ", 1)[-1]
