"""Batches one after the other, as soon as there is something in the topic, instead of one a minute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_assets.automation.runs import run_job
from flight_assets.provenance import STEPS, WHOLE_JOB, Ledger
from flight_assets.stores import kafka, landing, lease, outage
from flight_assets.stores.hdfs import Hdfs

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from flight_assets.settings import Settings

POLL_S = 1.0
# After a failure the next try comes later each time, up to the cadence of the schedule.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0


def process_continuously(settings: Settings, stop: threading.Event, say: Callable[[str], None]) -> None:
    """Run the whole job whenever messages wait or a batch is unfinished, until ``stop`` is set; the run under way is finished first.

    Jobs, lease and records are those of scheduled runs, so the same promises hold; the schedule skips meanwhile. A run that fails is told
    to ``say`` in one sentence and tried again.

    Raises:
        LeaseBusy: another process does so already.
    """
    pause = FIRST_PAUSE_S
    while not stop.is_set():
        try:
            with lease.hold(settings, "continuous processing", 0, lease.CONTINUOUS) as still_held:
                while not stop.wait(POLL_S):
                    still_held()
                    if has_work(settings):
                        run_job(settings, WHOLE_JOB)
                    pause = FIRST_PAUSE_S
        except lease.LeaseBusy:
            raise
        except Exception as error:  # whatever a store's client raises: told, and tried again
            say(outage.explain(settings, error))
            stop.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)


def has_work(settings: Settings) -> bool:
    """Whether the topic holds messages that have not landed, or a batch has landed and is not through every step.

    Raises:
        FlightsError: the topic ends before what has landed.
    """
    ledger = Ledger(Hdfs(settings))
    if landing.has_news(kafka.end_offsets(settings), ledger.next_offsets()):
        return True
    return ledger.last_done(STEPS[-1]) < ledger.last_done(STEPS[0])
