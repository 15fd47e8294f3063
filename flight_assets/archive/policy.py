"""Selection of an archive: pure decisions from sizes, counts per time and settings. No I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from flight_assets.contracts.units import BYTES_PER_MB

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flight_assets.settings import Settings


@dataclass(frozen=True)
class Bin:
    """Archivable documents ingested from ``start`` until just before ``end`` (UTC). Never spans midnight."""

    start: datetime
    end: datetime
    documents: int


@dataclass(frozen=True)
class HotSize:
    """Hot store by dbStats: ``data_bytes`` + ``index_bytes``, and documents of the flights' collection."""

    data_bytes: int
    index_bytes: int
    documents: int
    storage_bytes: int = 0
    reusable_bytes: int = 0

    @property
    def bytes(self) -> int:
        """Return the bytes that count against the threshold."""
        return self.data_bytes + self.index_bytes

    @property
    def mb(self) -> float:
        """Return the size in MB (10⁶ bytes)."""
        return self.bytes / BYTES_PER_MB

    def bytes_of(self, documents: int) -> int:
        """Return the estimated bytes of so many average documents, with their share of the indexes."""
        return self.bytes * documents // self.documents if self.documents else 0


@dataclass(frozen=True)
class Policy:
    """Limits of the hot store: when it is too big, and which documents may leave."""

    threshold_bytes: int
    low_water_share: float
    window: timedelta
    min_window: timedelta
    max_documents: int

    @property
    def low_water_bytes(self) -> int:
        """Size down to which an archive goes when the window alone is over the threshold."""
        return int(self.threshold_bytes * self.low_water_share)


def policy_of(settings: Settings) -> Policy:
    """Return the policy that the settings state."""
    return Policy(
        threshold_bytes=int(settings.archive_threshold_mb * BYTES_PER_MB),
        low_water_share=settings.archive_low_water_share,
        window=timedelta(days=settings.archive_window_days),
        min_window=timedelta(hours=settings.archive_min_window_hours),
        max_documents=settings.archive_max_documents,
    )


@dataclass(frozen=True)
class Selection:
    """Selection of one archive: the oldest ``bins``. Bytes are estimates from the mean document size.

    - ``shortened``: documents inside the window leave too, because the window alone is over the threshold.
    - ``capped``: more documents are due than one archive may take.
    """

    bins: tuple[Bin, ...]
    documents: int
    bytes: int
    remaining_documents: int
    remaining_bytes: int
    shortened: bool
    capped: bool
    reason: str


def select(policy: Policy, hot: HotSize, bins: Sequence[Bin], now: datetime) -> Selection:
    """Return the oldest bins that are due; ``bins`` come in order of time.

    All bins older than the window are due. If the rest is still over the threshold, more of the oldest
    follow until the low-water mark, but none younger than ``min_window``. A bin is taken whole or not at
    all. The cap holds unless the oldest bin alone exceeds it.
    """
    aged = sum(1 for each in bins if each.end <= now - policy.window)
    due = aged
    taken = sum(each.documents for each in bins[:aged])
    too_big = hot.bytes - hot.bytes_of(taken) > policy.threshold_bytes
    if too_big:
        while (
            due < len(bins)
            and bins[due].end <= now - policy.min_window
            and hot.bytes - hot.bytes_of(taken) > policy.low_water_bytes
        ):
            taken += bins[due].documents
            due += 1
    chosen = _capped(bins[:due], policy.max_documents)
    documents = sum(each.documents for each in chosen)
    capped = len(chosen) < due
    shortened = len(chosen) > aged
    left = hot.bytes - hot.bytes_of(documents)
    return Selection(
        bins=chosen,
        documents=documents,
        bytes=hot.bytes_of(documents),
        remaining_documents=hot.documents - documents,
        remaining_bytes=left,
        shortened=shortened,
        capped=capped,
        reason=_reason(policy, hot, documents, shortened, capped, too_big and left > policy.threshold_bytes),
    )


def _capped(bins: Sequence[Bin], max_documents: int) -> tuple[Bin, ...]:
    taken = 0
    for count, each in enumerate(bins):
        taken += each.documents
        if taken > max_documents and count:
            return tuple(bins[:count])
    return tuple(bins)


def _reason(
    policy: Policy, hot: HotSize, documents: int, shortened: bool, capped: bool, still_too_big: bool
) -> str:
    days = policy.window / timedelta(days=1)
    threshold_mb = policy.threshold_bytes / BYTES_PER_MB
    if not documents:
        text = f"no archivable document is older than the window of {days:g} days"
        if still_too_big:
            hours = policy.min_window / timedelta(hours=1)
            text += (
                f", and though {hot.mb:.0f} MB are over {threshold_mb:g} MB none is older than the shortest"
                f" window of {hours:g} hours"
            )
        return text
    text = f"{documents} documents are older than the window of {days:g} days"
    if shortened:
        text = (
            f"the window of {days:g} days is SHORTENED: alone it is over the threshold of {threshold_mb:g}"
            f" MB, so the oldest {documents} documents leave, down to"
            f" {policy.low_water_bytes / BYTES_PER_MB:g} MB"
        )
    if capped:
        text += f"; more are due, but one archive takes {policy.max_documents} at most"
    if still_too_big and not capped:
        text += "; what remains is still over the threshold"
    return text


@dataclass(frozen=True)
class Slice:
    """Range of ingestion time (end excluded, UTC, within a day) for a file, and its planned documents."""

    start: datetime
    end: datetime
    documents: int


def slices(bins: Sequence[Bin], documents_per_file: int) -> list[Slice]:
    """Return neighbouring bins as files of at most ``documents_per_file``, none across midnight.

    A bigger bin stays whole.
    """
    made: list[Slice] = []
    for each in bins:
        last = made[-1] if made else None
        if (
            last
            and last.start.date() == each.start.date()
            and last.documents + each.documents <= documents_per_file
        ):
            made[-1] = Slice(last.start, each.end, last.documents + each.documents)
        else:
            made.append(Slice(each.start, each.end, each.documents))
    return made
