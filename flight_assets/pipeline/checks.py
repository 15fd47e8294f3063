"""Checks of a batch: name, asset, description and severity of each.

Belongs here: the list of checks. Does not belong here: when each passes (``check_rules``), where the figures
come from (``check_results``), how Dagster shows them (``checks/dagster_checks.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flight_assets.provenance import CheckResult


@dataclass(frozen=True)
class Check:
    """Check of an asset. ``description`` says what must hold, and what ``value`` and ``threshold`` are."""

    name: str
    asset: str
    description: str
    severity: Literal["ERROR", "WARN"] = "ERROR"

    def result(self, passed: bool, value: float, threshold: float, detail: str) -> CheckResult:
        """Return a result of this check."""
        return CheckResult(
            name=self.name,
            asset=self.asset,
            severity=self.severity,
            passed=passed,
            value=value,
            threshold=threshold,
            detail=detail,
        )


OFFSETS = Check(
    "offsets_follow_on",
    "raw_kafka_batch",
    "Every offset since the batch before has landed once. Value: messages off; 0 allowed.",
)

FRESH = Check(
    "fresh",
    "raw_kafka_batch",
    "What the topic held when the run began has landed. Value: seconds behind its newest message.",
    "WARN",
)

CONSERVED = Check(
    "messages_conserved",
    "staged_events",
    "raw = staged + duplicate + quarantined, in the record and in the tables. Value: off by.",
)

EVENTS_UNIQUE = Check(
    "event_id_unique", "staged_events", "No event_id twice in the batch. Value: surplus rows."
)

QUALITY = Check(
    "quality", "staged_events", "Mean quality_score, from 100 staged events on. Value: the mean, 0–1.", "WARN"
)

REJECTED = Check(
    "rejected_share",
    "staged_events",
    "Share of the messages that was quarantined. Value: the share, 0–1.",
    "WARN",
)

FIELDS_KNOWN = Check(
    "fields_known",
    "staged_events",
    "No field that the contract does not have. Value: messages per such field, summed.",
    "WARN",
)

VALUES_CLEAN = Check(
    "values_clean",
    "staged_events",
    "No optional value that cannot be what it claims. Value: messages per such field, summed.",
    "WARN",
)

CODES_KNOWN = Check(
    "codes_known",
    "staged_events",
    "No code that the reference data does not have. Value: events per code, summed.",
    "WARN",
)

PREDICTIONS_UNIQUE = Check(
    "prediction_unique",
    "predictions",
    "One prediction per flight, as many as the record says. Value: rows off.",
)

DOMAIN_SHIFT = Check(
    "domain_shift",
    "predictions",
    "Most flights are like the training flights, from 100 predictions on. Value: share out of domain, 0–1.",
    "WARN",
)

ALL_IN_MONGO = Check(
    "flights_conserved",
    "mongo_hot",
    "Each flight of the batch was upserted or met a newer state. Value: flights off.",
)

FLIGHTS_UNIQUE = Check(
    "flight_id_unique", "hive_fact", "No flight of the batch has two rows. Value: surplus rows."
)

ALL_IN_FACT = Check(
    "flights_conserved", "hive_fact", "Each flight of the batch has a row. Value: flights without."
)

IDS_COMPLETE = Check(
    "staged_event_ids_complete",
    "staged_events",
    "Every staged event is in staged_event_ids. Value: events that are not.",
)

SCHEMAS = tuple(
    Check(
        "schema_is_the_contract",
        asset,
        "Names and types of the columns are the contract's. Value: columns that differ.",
    )
    for asset in ("staged_events", "predictions", "hive_fact")
)

CHECKS = (
    *(
        OFFSETS,
        FRESH,
        CONSERVED,
        EVENTS_UNIQUE,
        QUALITY,
        REJECTED,
        FIELDS_KNOWN,
        VALUES_CLEAN,
        CODES_KNOWN,
        PREDICTIONS_UNIQUE,
        DOMAIN_SHIFT,
        ALL_IN_MONGO,
        FLIGHTS_UNIQUE,
        ALL_IN_FACT,
    ),
    *SCHEMAS,
)


def checks_of(asset: str) -> tuple[Check, ...]:
    """Return the checks of an asset."""
    return tuple(check for check in CHECKS if check.asset == asset)
