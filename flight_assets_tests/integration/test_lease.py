"""The processing lease against a real MongoDB: one holder at a time, and none for ever."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from flight_assets.stores import lease, mongo

pytestmark = pytest.mark.integration

HOLD_FOR_EVER = """
import sys, time
from flight_assets.settings import get_settings
from flight_assets.stores import lease

settings = get_settings().model_copy(update={"mongo_database": sys.argv[1], "lease_s": 600.0})
with lease.hold(settings, "the killed run", 0.0):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def own(platform):
    """Settings of a database without leases, which is dropped in the end."""
    settings = platform.model_copy(update={"mongo_database": "test_lease"})
    with mongo.connect(settings) as client:
        client.drop_database("test_lease")
        yield settings
        client.drop_database("test_lease")


@pytest.fixture
def leases(own):
    with mongo.database(own) as db:
        yield db[lease.LEASES]


def foreign(expires_in_s: float) -> dict:
    """A lease that a run on another host took."""
    return {
        "_id": lease.PROCESSING,
        "token": "theirs",
        "purpose": "their run",
        "host": f"not-{socket.gethostname()}",
        "pid": 1,
        "started": 0.0,
        "expires_at": datetime.now(UTC) + timedelta(seconds=expires_in_s),
    }


def test_a_second_run_is_told_who_holds_the_lease(own):
    told = pytest.raises(lease.LeaseBusy, match=rf"the first run, pid {os.getpid()}")
    with lease.hold(own, "the first run", 0.0), told, lease.hold(own, "the second run", 0.0):
        pytest.fail("two runs hold the lease")


def test_a_second_run_waits_as_long_as_it_was_told(own):
    with lease.hold(own, "the first run", 0.0):
        started = time.monotonic()
        with pytest.raises(lease.LeaseBusy), lease.hold(own, "the second run", 1.2):
            pytest.fail("two runs hold the lease")
    assert 1.2 <= time.monotonic() - started < 5


def test_a_waiting_run_gets_the_lease_when_the_first_ends(own):
    release = threading.Event()
    held = threading.Event()

    def first() -> None:
        with lease.hold(own, "the first run", 0.0):
            held.set()
            release.wait(30)

    thread = threading.Thread(target=first)
    thread.start()
    assert held.wait(30)
    threading.Timer(0.7, release.set).start()
    with lease.hold(own, "the second run", 20.0):
        assert release.is_set()
    thread.join()


def test_only_one_of_many_that_start_at_once_gets_it(own):
    got, barrier, end = [], threading.Barrier(8), threading.Event()

    def run(nth: int) -> None:
        barrier.wait()
        try:
            with lease.hold(own, f"run {nth}", 0.0):
                got.append(nth)
                end.wait(30)
        except lease.LeaseBusy:
            losers.release()

    losers = threading.Semaphore(0)
    threads = [threading.Thread(target=run, args=(nth,)) for nth in range(8)]
    for thread in threads:
        thread.start()
    lost = sum(losers.acquire(timeout=20) for _ in range(7))
    end.set()
    for thread in threads:
        thread.join()
    assert (len(got), lost) == (1, 7)


def test_the_lease_is_free_after_the_block(own, leases):
    with lease.hold(own, "a run", 0.0):
        assert leases.count_documents({}) == 1
    assert leases.count_documents({}) == 0


def test_the_lease_is_free_after_an_error_which_is_passed_on(own, leases):
    with pytest.raises(ZeroDivisionError), lease.hold(own, "a run", 0.0):
        raise ZeroDivisionError
    assert leases.count_documents({}) == 0


@pytest.fixture
def other_process(own):
    """A process of this host that holds the lease."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_FOR_EVER, own.mongo_database], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    yield holder
    holder.kill()
    holder.wait(30)
    holder.stdout.close()


def test_the_lease_of_a_living_process_of_this_host_is_not_taken(own, other_process):
    with (
        pytest.raises(lease.LeaseBusy, match=f"the killed run, pid {other_process.pid}"),
        lease.hold(own, "the next run", 0.0),
    ):
        pytest.fail("taken from a living process")


def test_the_lease_of_a_killed_process_of_this_host_is_taken_over_at_once(own, leases, other_process):
    other_process.send_signal(signal.SIGKILL)
    other_process.wait(30)
    assert leases.count_documents({"purpose": "the killed run"}) == 1, "killed, it left its lease behind"
    with lease.hold(own, "the next run", 0.0):
        assert leases.find_one()["purpose"] == "the next run"


def test_a_killed_holder_that_its_parent_has_not_buried_yet_is_dead(own, leases, other_process):
    other_process.send_signal(signal.SIGKILL)
    while psutil.Process(other_process.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.05)
    with lease.hold(own, "the next run", 0.0):
        assert leases.find_one()["purpose"] == "the next run"


def test_a_new_process_with_the_pid_of_a_dead_holder_does_not_keep_the_lease_alive(own, leases):
    leases.insert_one(foreign(600) | {"host": socket.gethostname(), "pid": os.getpid(), "started": 1.0})
    with lease.hold(own, "the next run", 0.0):
        assert leases.find_one()["purpose"] == "the next run"


def test_the_expired_lease_of_another_host_is_taken_over(own, leases):
    leases.insert_one(foreign(-1))
    with lease.hold(own, "the next run", 0.0):
        assert leases.find_one()["purpose"] == "the next run"


def test_the_lease_of_another_host_that_has_not_expired_blocks(own, leases):
    leases.insert_one(foreign(600))
    with pytest.raises(lease.LeaseBusy, match="their run, pid 1"), lease.hold(own, "the next run", 0.0):
        pytest.fail("taken from a host that may be alive")
    assert leases.find_one()["purpose"] == "their run"


def test_a_waiting_run_takes_over_when_the_other_hosts_lease_expires(own, leases):
    leases.insert_one(foreign(1.5))
    with lease.hold(own, "the next run", 20.0):
        assert leases.find_one()["purpose"] == "the next run"


def test_a_lease_lasts_lease_s_from_the_servers_now(own, leases):
    with lease.hold(own.model_copy(update={"lease_s": 100.0}), "a run", 0.0):
        left_s = (leases.find_one()["expires_at"] - datetime.now(UTC)).total_seconds()
    assert left_s == pytest.approx(100, abs=5)


def test_a_lease_that_is_held_longer_than_lease_s_is_renewed(own, leases):
    short = own.model_copy(update={"lease_s": 1.2})
    with lease.hold(short, "a long run", 0.0):
        first = leases.find_one()["expires_at"]
        time.sleep(2.5)
        renewed = leases.find_one()["expires_at"]
        with pytest.raises(lease.LeaseBusy), lease.hold(short, "another run", 0.0):
            pytest.fail("taken from a holder that renews")
    assert renewed - first > timedelta(seconds=1.2)


def test_a_holder_is_told_when_another_has_taken_over(own, leases):
    with lease.hold(own, "a run that was suspended", 0.0) as still_held:
        still_held()
        leases.replace_one({"_id": lease.PROCESSING}, foreign(600))
        with pytest.raises(lease.LeaseLost, match="a run that was suspended"):
            still_held()


def test_a_run_that_lost_its_lease_does_not_release_the_next_holders(own, leases):
    with lease.hold(own, "a run that was suspended", 0.0):
        leases.replace_one({"_id": lease.PROCESSING}, foreign(600))
    assert leases.find_one()["purpose"] == "their run"
