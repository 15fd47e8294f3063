"""A run of the pipeline in a process of its own that stops before, during and after each step, so that a
fault can strike there.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from flight_assets.provenance import STEPS, WHOLE_JOB
from flight_assets.settings import get_settings
from flight_assets_tests import forked

BEFORE, DURING, AFTER = PHASES = ("before", "during", "after")
ANY_MOMENT = "any moment"
RUN = "Dagster run"
# A run that says nothing for so long hangs: each store's own timeout is far below it.
SILENCE_S = 420.0


@dataclass(frozen=True)
class Fault:
    """A kill -9: of a service or of the run, at a step's phase (or at any moment, so long after the run's
    start).
    """

    victim: str
    step: str
    phase: str
    delay_s: float

    def __str__(self) -> str:
        return f"{self.victim} {self.phase} {self.step}" + (f" +{self.delay_s:.2f} s" if self.delay_s else "")


@dataclass
class Outcome:
    """How a run ended. ``problem`` is the run's own sentence, empty if it succeeded.

    ``died``: its process was killed.
    """

    problem: str = ""
    died: bool = False


def calm_attempt() -> Outcome:
    """Run the pipeline once without faults."""
    return attempt([], lambda _name: None, [])


def attempt(faults: list[Fault], strike: Callable[[str], None], struck: list[Fault]) -> Outcome:
    """Run the pipeline once; move faults from the head of ``faults`` to ``struck`` as their moments come, and
    strike their victims.

    Raises:
        TimeoutError: the run neither went on nor ended.
    """
    ours, theirs = Pipe()
    process = forked.process(_run, theirs)
    process.start()
    theirs.close()
    outcome = Outcome()

    def hit(fault: Fault) -> None:
        struck.append(fault)
        if fault.victim == RUN:
            process.kill()
            outcome.died = True
        else:
            strike(fault.victim)

    try:
        _follow(ours, faults, hit, outcome)
    finally:
        process.kill()
        process.join()
        ours.close()
    if outcome.died:
        _end_killed_runs()
    return outcome


def _end_killed_runs() -> None:
    """Report killed runs as failed, as the schedule does after two minutes.

    Until then they hold Dagster's pool, and with the schedules stopped no queued run would ever start.
    """
    with DagsterInstance.from_config(str(get_settings().dagster_home)) as instance:
        started = RunsFilter(job_name=WHOLE_JOB, statuses=[DagsterRunStatus.STARTED])
        for run in instance.get_runs(started):
            if run.remote_job_origin is None:  # it ran in the process of the test
                instance.report_run_failed(run, "A test has killed its process.")


def _follow(run: Connection, faults: list[Fault], hit: Callable[[Fault], None], outcome: Outcome) -> None:
    began = time.monotonic()
    while not outcome.died:
        if faults and faults[0].step == ANY_MOMENT:
            left = faults[0].delay_s - (time.monotonic() - began)
            if left <= 0 or not run.poll(left):
                hit(faults.pop(0))
                continue
        elif not run.poll(SILENCE_S):
            raise TimeoutError(f"the run said nothing for {SILENCE_S:.0f} s")
        try:
            step, phase = run.recv()
        except EOFError:
            outcome.died = True
            return
        if step == "end":
            outcome.problem = phase
            return
        _meet(run, step, phase, faults, hit)


def _meet(run: Connection, step: str, phase: str, faults: list[Fault], hit: Callable[[Fault], None]) -> None:
    """The run waits at a point: strike what is due there, and let it go on.

    A fault that is due during a step strikes while it works.
    """
    due = []
    while faults and (faults[0].step, faults[0].phase) == (step, phase):
        due.append(faults.pop(0))
    if phase != DURING:
        for fault in due:
            hit(fault)
    with contextlib.suppress(OSError):  # the run itself was the victim
        run.send("go on")
    if phase == DURING:
        for fault in due:
            time.sleep(fault.delay_s)
            hit(fault)


def _run(parent: Connection) -> None:
    """In the child: the pipeline as `flights process` runs it, with its step boundaries reported."""
    import warnings

    warnings.simplefilter("ignore")
    from flight_assets.automation.runs import run_job
    from flight_assets.errors import FlightsError
    from flight_assets.settings import get_settings

    _report_points(parent)
    try:
        run_job(get_settings(), "process_flights")
    except FlightsError as error:
        parent.send(("end", str(error)))
    else:
        parent.send(("end", ""))


def _report_points(parent: Connection) -> None:
    from flight_assets.assets.pipeline import PipelineResource
    from flight_assets.pipeline import run_step
    from flight_assets.provenance import BatchRecord
    from flight_assets.stores import landing
    from flight_assets.stores.kafka_reader import TopicReader

    def point(step: str, phase: str) -> None:
        parent.send((step, phase))
        parent.recv()

    run, commit, finish = PipelineResource.run, run_step.commit, PipelineResource.finish
    ends, write = TopicReader.ends, landing.write_batch

    def pointed_run(
        self: PipelineResource, step: str, work: Callable[[BatchRecord], run_step.Done]
    ) -> list[BatchRecord]:
        if self.ledger.pending(step):
            point(step, BEFORE)

        def pointed_work(record: BatchRecord) -> run_step.Done:
            point(step, DURING)
            return work(record)

        return run(self, step, pointed_work)

    def pointed_commit(step: str, *rest: object) -> bool:
        passed = commit(step, *rest)
        point(step, AFTER)
        return passed

    def pointed_finish(self: PipelineResource, step: str, *rest: object) -> bool:
        passed = finish(self, step, *rest)
        point(step, AFTER)
        return passed

    def pointed_ends(self: TopicReader) -> dict[int, int]:
        point(STEPS[0], BEFORE)
        return ends(self)

    def pointed_write(*arguments: object) -> None:
        point(STEPS[0], DURING)
        write(*arguments)

    PipelineResource.run, run_step.commit, PipelineResource.finish = (
        pointed_run,
        pointed_commit,
        pointed_finish,
    )
    TopicReader.ends, landing.write_batch = pointed_ends, pointed_write
