"""Version of the data: the progress of the pipeline."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from flight_assets.contracts.tables import FLIGHTS_DAILY
from flight_assets.errors import StoreUnavailable
from flight_assets.provenance import STEPS, Ledger
from flight_assets.stores import outage
from flight_assets.stores.hdfs import Hdfs

if TYPE_CHECKING:
    from flight_assets.settings import Settings

CHECK_EVERY_S = 2.0
_log = logging.getLogger(__name__)


class DataVersion:
    """Progress of the pipeline, read from HDFS at most every ``CHECK_EVERY_S`` seconds.

    While HDFS does not answer, the last known version stays. An entry written under it expires as usual.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, str]] = {}

    def after(self, step: str) -> str:
        """Return the last batch that a step has finished, as text; 'unknown' if HDFS never answered."""
        return self._known_of(step, lambda hdfs: str(Ledger(hdfs).last_done(step)))

    def history(self) -> str:
        """Return a text that changes with each batch in the warehouse and with each run of the rollups."""
        return f"{self.after(STEPS[-1])}+{self._known_of('rollups', self._rolled_up)}"

    def live(self) -> str:
        """Return a text that changes with each batch in MongoDB.

        Windows that end now use ``OF_NOW`` as well.
        """
        return self.after("mongo_hot")

    def _rolled_up(self, hdfs: Hdfs) -> str:
        """Return when the last commit to the daily rollup was written, or 'never'."""
        settings = self._settings
        log = f"{settings.warehouse_dir}/{settings.warehouse_database}.db/{FLIGHTS_DAILY.name}/_delta_log"
        try:
            return f"{hdfs.modified(log):%Y%m%d%H%M%S%f}"
        except FileNotFoundError:
            return "never"

    def _known_of(self, name: str, read: Callable[[Hdfs], str]) -> str:
        with self._lock:
            read_at, version = self._known.get(name, (float("-inf"), "unknown"))
            if self._clock() - read_at < CHECK_EVERY_S:
                return version
            # One caller reads HDFS; the others go on with the known version.
            self._known[name] = (self._clock(), version)
        version = self._read(read, version)
        with self._lock:
            self._known[name] = (self._clock(), version)
        return version

    def _read(self, read: Callable[[Hdfs], str], otherwise: str) -> str:
        try:
            outage.refuse_silent(self._settings, "HDFS NameNode")
            return read(Hdfs(self._settings))
        except StoreUnavailable as error:
            _log.warning("data version unknown: %s", error)
            return otherwise
