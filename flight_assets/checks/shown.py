"""The checks as Dagster has them: specs of each asset, and one result per check and run.

The ledger holds a batch whose check failed, not Dagster: a blocking check would stop the batches before it as well.
"""

from collections.abc import Sequence

from dagster import AssetCheckResult, AssetCheckSeverity, AssetCheckSpec, MetadataValue

from flight_assets.pipeline.checks import Check, checks_of
from flight_assets.provenance import CheckResult

# Results of one asset's checks in a run, each with the batch that it is about; None for what is not about a batch.
Found = Sequence[tuple[int | None, CheckResult]]


def check_specs(asset: str) -> list[AssetCheckSpec]:
    """The specs of an asset's checks."""
    return [AssetCheckSpec(check.name, asset=asset, description=check.description) for check in checks_of(asset)]


def asset_check_results(asset: str, found: Found) -> list[AssetCheckResult]:
    """One result per check of an asset: the worst of the run's batches decides; a run without batches has nothing to find fault with."""
    return [
        _asset_check_result(check, [(batch, result) for batch, result in found if result.name == check.name]) for check in checks_of(asset)
    ]


def _asset_check_result(check: Check, found: Found) -> AssetCheckResult:
    if not found:
        return AssetCheckResult(passed=True, check_name=check.name, description="no new batch", metadata={"batches": 0})
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
            "results": MetadataValue.json([{"batch_id": batch, **result.model_dump()} for batch, result in found]),
        },
    )


def remedy(batch_id: int | None, result: CheckResult) -> str:
    """What failed, what happens next, and how an operator goes on."""
    where = f"batch {batch_id}: " if batch_id is not None else ""
    failed = (
        f"{where}check {result.name} of {result.asset} failed: {result.detail} (value {result.value:g}, threshold {result.threshold:g})"
    )
    if not result.blocks:
        return failed
    if batch_id is None:
        return f"{failed}; the next run tries again: see `flights doctor`, `flights logs kafka` and `flights logs spark`"
    return (
        f"{failed}; this batch and those after it wait, and every run repeats {result.asset} and its checks: mend the cause, "
        f"let it pass with `flights ledger accept {batch_id} {result.name} --reason …`, "
        f"or move the batch out of the way with `flights ledger quarantine {batch_id} --reason …`"
    )
