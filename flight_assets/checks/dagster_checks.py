"""Checks in Dagster's terms: the specs of each asset, and one result per check and run.

The ledger, not Dagster, stops a batch whose check failed. A blocking check of Dagster would stop earlier
batches too.
"""

from collections.abc import Sequence

from dagster import AssetCheckResult, AssetCheckSeverity, AssetCheckSpec, MetadataValue

from flight_assets.pipeline.checks import Check, checks_of
from flight_assets.provenance import CheckResult

# Check results of one asset in a run, each with its batch; None for a result without batch.
Found = Sequence[tuple[int | None, CheckResult]]


def check_specs(asset: str) -> list[AssetCheckSpec]:
    """Return the specs of an asset's checks."""
    return [
        AssetCheckSpec(check.name, asset=asset, description=check.description) for check in checks_of(asset)
    ]


def asset_check_results(asset: str, found: Found) -> list[AssetCheckResult]:
    """Return one result per check of an asset: that of the worst batch in the run.

    Without batches, it passes.
    """
    return [
        _asset_check_result(check, [(batch, result) for batch, result in found if result.name == check.name])
        for check in checks_of(asset)
    ]


def _asset_check_result(check: Check, found: Found) -> AssetCheckResult:
    if not found:
        return AssetCheckResult(
            passed=True, check_name=check.name, description="no new batch", metadata={"batches": 0}
        )
    batch_id, worst = max(found, key=lambda pair: (pair[1].blocks, not pair[1].passed))
    return AssetCheckResult(
        passed=worst.passed,
        check_name=check.name,
        severity=AssetCheckSeverity.ERROR if worst.blocks else AssetCheckSeverity.WARN,
        description=worst.detail if worst.passed else remedy(batch_id, worst),
        metadata={
            "value": worst.value,
            "threshold": worst.threshold,
            "batches": len(found),
            "results": MetadataValue.json(
                [{"batch_id": batch, **result.model_dump()} for batch, result in found]
            ),
        },
    )


def remedy(batch_id: int | None, result: CheckResult) -> str:
    """Return one sentence: the failed check, its effect, and the next step for an operator."""
    where = f"batch {batch_id}: " if batch_id is not None else ""
    failed = (
        f"{where}check {result.name} of {result.asset} failed: {result.detail} (value {result.value:g},"
        f" threshold {result.threshold:g})"
    )
    if not result.blocks:
        return failed
    if batch_id is None:
        return (
            f"{failed}; the next run tries again: see `flights doctor`, `flights logs kafka` and `flights"
            " logs spark`"
        )
    return (
        f"{failed}; this batch and those after it wait, and every run repeats {result.asset} and its checks:"
        f" mend the cause, let it pass with `flights ledger accept {batch_id} {result.name} --reason …`, or"
        f" move the batch out of the way with `flights ledger quarantine {batch_id} --reason …`"
    )
