"""Lease that lets one run process at a time, on all hosts together (promise P6).

A lease is one document in MongoDB, which its holder renews. Another run may take it after ``lease_s`` without
renewal, or at once if the holder was an ended process of this host. Times come from the database server, so
the hosts' clocks do not matter.
"""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psutil

from flight_assets.errors import FlightsError
from flight_assets.stores import mongo

if TYPE_CHECKING:
    from flight_assets.settings import Settings

LEASES = "leases"
PROCESSING = "processing"
ARCHIVING = "archiving"
LIVE = "processing live"
DELIVERING = "delivering webhooks"
POLL_S = 0.5
# Field 22 of /proc/<pid>/stat (proc(5)), counted from the field after the process's name.
STARTTIME = 19


class LeaseBusy(FlightsError):
    """Another run holds the lease."""


class LeaseLost(FlightsError):
    """Lease that was not renewed in time; another run may hold it."""


@contextmanager
def hold(
    settings: Settings, purpose: str, wait_s: float, name: str = PROCESSING
) -> Iterator[Callable[[], None]]:
    """Hold the lease for the block. Yields a function that raises LeaseLost if another run has taken it.

    A process may be suspended and continue after its lease has ended. So call the function right before each
    write that must be in order.

    Args:
        settings: address of MongoDB, and how long a lease lasts without renewal.
        purpose: name of the holder, for the message to others.
        wait_s: how long to wait for another holder.
        name: name of the lease; leases of different names are independent.

    Raises:
        LeaseBusy: another run still holds it after ``wait_s``.
        StoreUnavailable: MongoDB does not answer.
    """
    token = uuid4().hex
    with mongo.database(settings) as db:
        _acquire(db[LEASES], name, token, purpose, settings.lease_s, wait_s)
        stop = threading.Event()
        renewal = threading.Thread(
            target=_renew, args=(db[LEASES], name, token, settings.lease_s, stop), daemon=True
        )
        renewal.start()
        try:
            yield lambda: _refuse_lost(db[LEASES], name, token, purpose)
        finally:
            stop.set()
            renewal.join()
            db[LEASES].delete_one({"_id": name, "token": token})


def _refuse_lost(leases: Any, name: str, token: str, purpose: str) -> None:  # noqa: ANN401
    if leases.find_one({"_id": name, "token": token}) is None:
        raise LeaseLost(
            f"{purpose} was suspended for so long that another run took over: nothing is lost, the next run"
            " goes on from there"
        )


def is_held(settings: Settings, name: str = PROCESSING) -> bool:
    """Return whether a live holder has the lease, by the database server's clock. Raises StoreUnavailable."""
    with mongo.database(settings) as db:
        holder = db[LEASES].find_one({"_id": name, "$expr": {"$gte": ["$expires_at", "$$NOW"]}})
    return holder is not None and not _is_dead(holder)


def _acquire(leases: Any, name: str, token: str, purpose: str, lease_s: float, wait_s: float) -> None:  # noqa: ANN401
    deadline = time.monotonic() + wait_s
    while not _try_acquire(leases, name, token, purpose, lease_s):
        if time.monotonic() >= deadline:
            holder = leases.find_one({"_id": name}) or {}
            raise LeaseBusy(
                f"another run is {name} ({holder.get('purpose')}, pid {holder.get('pid')}): wait for it"
                " to end"
            )
        time.sleep(POLL_S)


def _try_acquire(leases: Any, name: str, token: str, purpose: str, lease_s: float) -> bool:  # noqa: ANN401
    from pymongo.errors import DuplicateKeyError

    holder = leases.find_one({"_id": name})
    if holder and _is_dead(holder):
        leases.delete_one({"_id": name, "token": holder["token"]})
    mine = {
        "token": token,
        "purpose": purpose,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": _started(os.getpid()),
    }
    claim = [{"$set": mine | _expiry(lease_s)}]
    expired = {"_id": name, "$expr": {"$lt": ["$expires_at", "$$NOW"]}}
    if leases.update_one(expired, claim).modified_count:
        return True
    try:
        leases.update_one({"_id": name, "token": token}, claim, upsert=True)
    except DuplicateKeyError:
        return False
    return True


def holder(settings: Settings, name: str) -> str | None:
    """Return the purpose of the lease's live holder; None if it is free."""
    with mongo.database(settings) as db:
        held = db[LEASES].find_one({"_id": name, "$expr": {"$gt": ["$expires_at", "$$NOW"]}})
    return (
        None if held is None or _is_dead(held) else f"{held['purpose']}, pid {held['pid']} on {held['host']}"
    )


def names(settings: Settings, prefix: str) -> list[str]:
    """Return the names of the leases that begin so and have a live holder. Raises StoreUnavailable."""
    query = {"_id": {"$regex": f"^{re.escape(prefix)}"}, "$expr": {"$gt": ["$expires_at", "$$NOW"]}}
    with mongo.database(settings) as db:
        return sorted(each["_id"] for each in db[LEASES].find(query) if not _is_dead(each))


def _expiry(lease_s: float) -> dict[str, Any]:
    return {"expires_at": {"$add": ["$$NOW", int(lease_s * 1000)]}}


def _started(pid: int) -> float:
    """Return when a process began, in clock ticks since boot: setting the clock does not change it."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError as error:
        raise psutil.NoSuchProcess(pid) from error
    return float(after_name[STARTTIME])


def _is_dead(holder: dict[str, Any]) -> bool:
    if holder["host"] != socket.gethostname():
        return False
    try:
        process = psutil.Process(holder["pid"])
        return bool(_started(holder["pid"]) != holder["started"] or process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _renew(leases: Any, name: str, token: str, lease_s: float, stop: threading.Event) -> None:  # noqa: ANN401
    from pymongo.errors import PyMongoError

    while not stop.wait(lease_s / 6):
        try:
            leases.update_one({"_id": name, "token": token}, [{"$set": _expiry(lease_s)}])
        except PyMongoError:  # the holder's writes report the same outage; five more renewals can succeed
            continue
