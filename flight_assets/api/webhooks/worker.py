"""Worker of webhooks, a thread of the API's process. The one with the lease delivers, the others wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

from flight_assets import logs
from flight_assets.api.webhooks.reader import Reader
from flight_assets.api.webhooks.sender import Count, Sender
from flight_assets.stores import lease

if TYPE_CHECKING:
    from flight_assets.settings import Settings

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0
CLOSING_S = 5.0
_log = logs.get_logger("api")


class Worker:
    """Reader and sender in threads, restarted after each failure."""

    def __init__(self, settings: Settings, database: Callable[[], Any], count: Count) -> None:
        """``database`` returns pymongo's Database, or raises at once if nothing listens."""
        self._settings, self._database, self._count = settings, database, count
        self._stopped = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        """Start to deliver, as soon as no other process does."""
        self._thread.start()

    def close(self) -> None:
        """Stop after the attempts that are under way. What is not delivered stays in the outbox."""
        self._stopped.set()
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(CLOSING_S)

    def _run(self) -> None:
        pause, said = FIRST_PAUSE_S, ""
        while not self._stopped.is_set():
            try:
                self._lead()
                pause = FIRST_PAUSE_S
            except lease.LeaseBusy:
                pause = FIRST_PAUSE_S
            except Exception as error:  # whatever it is, it is said and tried again
                pause = min(2 * pause, LONGEST_PAUSE_S)
                # The rest has times in it, and would be said each time.
                problem = f"{type(error).__name__}: {error}".partition(", full error")[0]
                if problem != said:
                    _log.warning("webhooks are not delivered", problem=problem)
                said = problem
            self._stopped.wait(pause)

    def _lead(self) -> None:
        """Deliver while this process holds the lease. Raises what ended it."""
        db = self._database()
        with lease.hold(self._settings, "webhooks", 0, lease.DELIVERING) as refuse_lost:
            self._over = over = threading.Event()
            if self._stopped.is_set():
                return
            reader = Reader(db, refuse_lost, over, time.monotonic)
            sender = Sender(self._settings, db, refuse_lost, over, self._count)
            with ThreadPoolExecutor(2, thread_name_prefix="webhooks") as pool:
                works = [pool.submit(reader.run), pool.submit(sender.run)]
                wait(works, return_when=FIRST_COMPLETED)
                over.set()
            for work in works:
                work.result()
