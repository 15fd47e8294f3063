"""Sender of the outbox: one delivery at a time for each subscription, oldest first, until it is taken.

A failure is tried again after a time that doubles. After ``delivery_failures`` in a row, the subscription is
paused, and its deliveries wait.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from random import random
from typing import TYPE_CHECKING, Any

from flight_assets import logs
from flight_assets.api.webhooks import signing
from flight_assets.api.webhooks.post import NotTaken, post
from flight_assets.api.webhooks.targets import Refused, addresses_of, target_of
from flight_assets.stores import outbox

if TYPE_CHECKING:
    from flight_assets.settings import Settings
    from flight_assets.stores.subscriptions import Subscription

LONGEST_WAIT_S = 3_600.0
TICK_S = 0.25
# Receivers that hang hold one thread each, for `delivery_timeout_s` at most.
THREADS = 16
# Deliveries of one subscription before others get its thread.
IN_A_ROW = 100
_log = logs.get_logger("api")

Count = Callable[[str], None]


def wait_s(failures: int, first_s: float, draw: float) -> float:
    """Return seconds until the next attempt after so many failures in a row, from 1.

    It doubles from ``first_s`` up to an hour. ``draw``, from 0 to 1, takes off up to half of it.
    """
    doubled = min(LONGEST_WAIT_S, first_s * 2.0 ** min(failures - 1, 30))
    return doubled * (1 - 0.5 * draw)


class Sender:
    """Sender for one holder of the lease."""

    def __init__(
        self,
        settings: Settings,
        db: Any,  # noqa: ANN401 - pymongo's Database
        refuse_lost: Callable[[], None],
        over: threading.Event,
        count: Count,
    ) -> None:
        """``count`` is called with the outcome of each attempt: delivered, failed or paused."""
        self._settings, self._db, self._refuse_lost, self._over = settings, db, refuse_lost, over
        self._count, self._key = count, signing.key_of(settings)
        self._busy: dict[str, Future[None]] = {}

    def run(self) -> None:
        """Send what is due until it is over. Raises the first error of a thread."""
        with ThreadPoolExecutor(THREADS, thread_name_prefix="webhook") as pool:
            try:
                while not self._over.wait(TICK_S):
                    self._collect()
                    for each in outbox.due(self._db):
                        if each.id not in self._busy:
                            self._busy[each.id] = pool.submit(self._drain, each)
            finally:
                self._over.set()

    def _collect(self) -> None:
        """Forget the threads that are done. Raises the error of one that failed."""
        for name, work in list(self._busy.items()):
            if work.done():
                del self._busy[name]
                work.result()

    def _drain(self, subscription: Subscription) -> None:
        """Send the waiting deliveries of a subscription until one fails."""
        for _ in range(IN_A_ROW):
            found = None if self._over.is_set() else outbox.oldest(self._db, subscription.id)
            if found is None or not self._send(subscription, *found):
                return

    def _send(self, subscription: Subscription, delivery: str, body: bytes) -> bool:
        """Try a delivery once and record the outcome. Return whether the receiver took it."""
        self._refuse_lost()
        began = time.monotonic()
        try:
            status = self._post(subscription, delivery, body)
        except (NotTaken, Refused) as error:
            failed = getattr(error, "status", None)
            self._failed(subscription, delivery, failed, str(error), time.monotonic() - began)
            return False
        outbox.note_delivered(self._db, subscription.id, delivery, status, time.monotonic() - began)
        self._count("delivered")
        return True

    def _post(self, subscription: Subscription, delivery: str, body: bytes) -> int:
        target = target_of(subscription.url)
        addresses = addresses_of(self._settings, subscription.tenant, target)
        secret = signing.secret_of(self._key, subscription.id)
        headers = signing.headers(secret, delivery, int(time.time()), body)
        return post(target, addresses, body, headers, self._settings.delivery_timeout_s)

    def _failed(
        self, subscription: Subscription, delivery: str, status: int | None, problem: str, seconds: float
    ) -> None:
        pause = wait_s(self._failures(subscription) + 1, self._settings.delivery_first_retry_s, random())  # noqa: S311 - jitter
        most = self._settings.delivery_failures
        is_paused = outbox.note_failed(
            self._db, subscription, delivery, status, problem, seconds, pause, most
        )
        self._count("paused" if is_paused else "failed")
        if is_paused:
            _log.warning("subscription is paused", subscription=subscription.id, problem=problem)

    def _failures(self, subscription: Subscription) -> int:
        """Return the failures in a row so far; a delivery in this thread may have ended them."""
        return outbox.failures(self._db, subscription.id)
