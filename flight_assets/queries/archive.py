"""Queries about archives: the progress of the running one, the list, the next step."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from flight_assets.archive import hot
from flight_assets.archive.record import NEXT_STEP, UNFINISHED, ArchiveRecord, Archives
from flight_assets.stores import lease, mongo
from flight_assets.stores.hdfs import Hdfs

if TYPE_CHECKING:
    from flight_assets.settings import Settings


@dataclass(frozen=True)
class ArchiveStatus:
    """Hot store against its threshold, and the archives. Sizes in MB (10⁶ bytes).

    ``current`` is the unfinished archive, ``archives`` all of them, oldest first. ``running`` and ``paused``
    say who and why, or are None.
    """

    hot_mb: float
    threshold_mb: float
    hot_documents: int
    running: str | None
    paused: str | None
    current: ArchiveRecord | None
    archives: tuple[ArchiveRecord, ...]
    next: str

    @property
    def archived_documents(self) -> int:
        """Return the number of archived documents. A flight that was archived twice counts twice."""
        return sum(
            record.record_count or 0
            for record in self.archives
            if record.state.value in ("recorded", "deleting", "deleted", "done")
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the status for JSON."""
        plain = asdict(self) | {"archived_documents": self.archived_documents}
        plain["current"] = self.current.model_dump(mode="json", by_alias=True) if self.current else None
        plain["archives"] = [
            record.model_dump(mode="json", by_alias=True, exclude={"slices", "files"})
            for record in self.archives
        ]
        return plain


def archive_status(settings: Settings) -> ArchiveStatus:
    """Return the state of the hot store and its archives, from MongoDB and HDFS, not Spark."""
    archives = Archives(Hdfs(settings))
    records = tuple(archives.records())
    current = next((record for record in reversed(records) if record.state in UNFINISHED), None)
    running = lease.holder(settings, lease.ARCHIVING)
    paused = archives.paused()
    with mongo.database(settings) as db:
        size = hot.measure(db)
    return ArchiveStatus(
        hot_mb=round(size.mb, 3),
        threshold_mb=settings.archive_threshold_mb,
        hot_documents=size.documents,
        running=running,
        paused=paused,
        current=current,
        archives=records,
        next=_next(settings, size.mb, running, paused, current),
    )


def _next(
    settings: Settings, size_mb: float, running: str | None, paused: str | None, current: ArchiveRecord | None
) -> str:
    if paused:
        return f"nothing, archiving is paused ({paused}): `flights archive resume`"
    if current:
        doing = (
            "is being done"
            if running
            else "is taken up by the next run (`flights archive run`, or mongo_size_sensor within 5 minutes)"
        )
        return f"{NEXT_STEP[current.state]}: {doing}"
    if size_mb > settings.archive_threshold_mb:
        return (
            "mongo_size_sensor asks for an archive within 5 minutes, or `flights archive run` makes one now"
        )
    return "nothing: the hot store is under its threshold"
