"""One load of files: what they hold, the messages to send, and the progress, so that it can be resumed."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd

from flight_assets.contracts.reference import Reference
from flight_assets.producer.events import Message
from flight_assets.producer.loaded import Enrich, loaded_messages, weeks_until
from flight_assets.sources.layout import Layout
from flight_assets.sources.opening import Source
from flight_assets.sources.spool import Spool
from flight_assets.sources.survey import Surveyor

FOLDER = "loads"
KEY_DIGITS = 16
# Increased when the format of a saved load changes.
FORM = 2


@dataclass
class LoadJob:
    """Load in a folder of its own: ``state.json``, the flights by day, and the list of unusable rows."""

    folder: Path
    reference: Reference

    @property
    def spool(self) -> Spool:
        """Return the flights by day."""
        return Spool(self.folder / "days")

    @property
    def unusable_file(self) -> Path:
        """Return the path of the CSV file that lists every unusable row."""
        return self.folder / "unusable.csv"

    def state(self) -> dict[str, Any] | None:
        """Return the saved state: survey, weeks and sent; None before the first survey is complete."""
        path = self.folder / "state.json"
        return msgspec.json.decode(path.read_bytes()) if path.is_file() else None

    def survey(
        self, sources: Sequence[tuple[Source, Layout]], on_rows: Callable[[int], None], shift_to_now: bool
    ) -> dict[str, Any]:
        """Read the files, unless an earlier call has, and return the state of the load."""
        kept = self.state()
        if kept:
            return kept
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        found = Surveyor(self.reference, self.spool, self.unusable_file).survey(sources, on_rows)
        weeks = weeks_until(found.days[-1], datetime.now(UTC).date()) if shift_to_now and found.days else 0
        state = {"survey": found.as_dict(), "weeks": weeks, "sent": 0}
        self._keep(state)
        return state

    def messages(self, lead_minutes: int, with_weather: Enrich | None = None) -> Iterator[Message]:
        """Yield the unsent messages in event order.

        For flights moved to now, it yields events up to this moment.
        """
        state = self.state() or {"weeks": 0, "sent": 0}
        until = pd.Timestamp(datetime.now(UTC)).tz_localize(None) if state["weeks"] else None
        every = loaded_messages(self.spool, self.reference, lead_minutes, state["weeks"], until, with_weather)
        return islice(every, state["sent"], None)

    def note_sent(self, sent: int) -> None:
        """Save how many messages have been sent in total."""
        state = self.state()
        if state and sent > state["sent"]:
            self._keep(state | {"sent": sent})

    def forget(self) -> None:
        """Delete the saved state: the load is complete.

        The next load of these files starts from the beginning.
        """
        shutil.rmtree(self.folder, ignore_errors=True)

    def _keep(self, state: dict[str, Any]) -> None:
        path = self.folder / "state.json"
        new = path.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(state))
        new.replace(path)


def open_job(home: Path, files: Sequence[Path], options: Sequence[str], reference: Reference) -> LoadJob:
    """Return the load of these files with these options.

    The same content has the same folder, under any file name.
    """
    digest = hashlib.sha256(f"{FORM}\n".encode())
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    for option in options:
        digest.update(option.encode() + b"\0")
    return LoadJob(home / FOLDER / digest.hexdigest()[:KEY_DIGITS], reference)
