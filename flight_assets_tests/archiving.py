"""Archives and restores of everything that is hot, as tests of other things let them happen meanwhile."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from flight_assets.archive import files
from flight_assets.archive.record import UNFINISHED, Archives, State
from flight_assets.archive.restore import Restored, Selection, restore
from flight_assets.archive.steps import Archiver
from flight_assets.stores.hdfs import Hdfs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from flight_assets.archive.record import ArchiveRecord
    from flight_assets.settings import Settings
    from flight_assets.stores.warehouse import Warehouse

# Everything that a batch has confirmed is old enough to leave, what was restored too.
ALL_IS_OLD = {
    "archive_window_days": 1e-9,
    "archive_min_window_hours": 0.0,
    "archive_restore_hold_hours": 0.0,
}
# Documents leave by whole minutes of ingestion; so far ahead, this minute is over.
AHEAD = timedelta(minutes=1)


class Crash(Exception):
    """Stands for the death of the process that archives."""


def _archiver(settings: Settings, house: Callable[[], Warehouse], dies_at: State | None = None) -> Archiver:
    def reached(record: ArchiveRecord) -> None:
        if record.state is dies_at:
            raise Crash(record.state)

    return Archiver(
        settings.model_copy(update=ALL_IS_OLD),
        house,
        now=lambda: datetime.now(UTC) + AHEAD,
        reached=reached,
        purpose="a test",
    )


def archive(settings: Settings, house: Callable[[], Warehouse], dies_at: State | None = None) -> int:
    """Finish what is unfinished, or archive all that is hot. Returns the documents of the archive.

    ``dies_at``: the archive ends there as by a crash, and the next call finishes it.
    """
    try:
        record = _archiver(settings, house, dies_at).run()
    except Crash:
        return 0
    return record.record_count or 0 if record else 0


def restore_all(settings: Settings, house: Callable[[], Warehouse], since: str = "") -> Restored:
    """Bring back every archived flight, or those of archives that are newer than one of this name."""
    archiver = _archiver(settings, house)
    while Archives(Hdfs(settings)).unfinished():
        archiver.run()
    if not since:
        return restore(archiver, Selection(), "a test")
    names = [each.archive_id for each in archiver.archives.records() if each.archive_id > since]
    found = [restore(archiver, Selection(archive_id=name), "a test") for name in names]
    return Restored(
        sum(each.restored for each in found), sum(each.kept_newer for each in found), tuple(names)
    )


def archived(house: Warehouse, flight_ids: Collection[str]) -> set[str]:
    """Return which of these flights an archive has."""
    rows = house.spark.table(f"{house.database}.{files.VIEW}").select("flight_id").distinct()
    return set(rows.toArrow()["flight_id"].to_pylist()) & set(flight_ids)


class Cold:
    """Archives and restores at seeded moments: ``turn`` is called between runs. ``done`` counts them.

    A part of the archives dies at a state, and a later turn finishes them.
    """

    def __init__(self, settings: Settings, house: Callable[[], Warehouse], seed: int, share: float) -> None:
        self._settings, self._house, self._share = settings, house, share
        self._chance = random.Random(f"archives {seed}")  # noqa: S311 - a seed, no secret
        self.done: Counter[str] = Counter()

    def turn(self) -> None:
        """Archive or restore, or do neither."""
        if self._chance.random() >= self._share:
            return
        if self.done["archived"] and self._chance.random() < 0.4:
            self.done["restored"] += 1
            self.done["documents back"] += restore_all(self._settings, self._house).restored
            return
        dies_at = self._chance.choice(
            (None, None, *(each for each in UNFINISHED if each is not State.DELETED))
        )
        self.done["archived"] += 1
        self.done["documents"] += archive(self._settings, self._house, dies_at)
