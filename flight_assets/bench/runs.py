"""Runs of the platform's own jobs, started through Dagster's web server and timed by Dagster's own clock.

Automation pauses meanwhile.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests

from flight_assets.errors import FlightsError
from flight_assets.provenance import STEPS, Ledger
from flight_assets.queries.dagster import ENDED
from flight_assets.stores import kafka, topic_lag
from flight_assets.stores.hdfs import Hdfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flight_assets.settings import Settings

LOCATION = "flight_assets.definitions"
REPOSITORY = "__repository__"
POLL_S = 0.5
TIMEOUT_S = 900.0
# The web server starts the first run of a while slowly, and slower on a busy machine.
ANSWER_TIMEOUT_S = 120.0
RUN_FIELDS = (
    "stats { ... on RunStatsSnapshot { enqueuedTime launchTime startTime endTime } } "
    "stepStats { stepKey startTime endTime } rootRunId creationTime"
)


@dataclass(frozen=True)
class Run:
    """Run that succeeded.

    - ``seconds``: from the start of its process to its end, all steps and checks included.
    - ``queued_s``: its wait in Dagster's queue before that, which looks every few seconds.
    - ``steps_s``: the time in which at least one step was under way.
    """

    seconds: float
    queued_s: float
    steps_s: float


def run_job(settings: Settings, job: str) -> Run:
    """Start a job as the schedule does, through the queue and the code server, and wait for its end.

    Raises:
        FlightsError: it did not start, failed, or was not over after TIMEOUT_S.
    """
    selector = f'{{repositoryLocationName: "{LOCATION}", repositoryName: "{REPOSITORY}", jobName: "{job}"}}'
    started = ask(
        settings,
        f"mutation {{ launchRun(executionParams: {{selector: {selector}, runConfigData: {{}}}}) "
        "{ __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }",
    )["launchRun"]
    if "run" not in started:
        raise FlightsError(f"{job} was not started: {started.get('message', started['__typename'])}")
    return _timed(job, _wait(settings, job, started["run"]["runId"]))


def ask(settings: Settings, query: str) -> dict[str, Any]:
    """Return the ``data`` of a GraphQL answer. Raises FlightsError if there is none."""
    try:
        answer = requests.post(
            f"{settings.dagster_url}/graphql", json={"query": query}, timeout=ANSWER_TIMEOUT_S
        ).json()
    except (requests.RequestException, ValueError) as error:
        raise FlightsError(
            f"Dagster does not answer at {settings.dagster_url}: see `flights logs dagster-webserver`"
            f" ({error})"
        ) from error
    if "errors" in answer:
        raise FlightsError(f"Dagster refused a query: {answer['errors'][0]['message']}")
    return dict(answer["data"])


def _wait(settings: Settings, job: str, run_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        # All the fields would take the web server a tenth of the machine while the run is under way.
        status = _run(settings, run_id, "status")["status"]
        if status in ENDED:
            if status != "SUCCESS":
                raise FlightsError(
                    f"run {run_id} of {job} ended as {status}: see {settings.dagster_url}/runs/{run_id}"
                )
            return _run(settings, run_id, RUN_FIELDS)
        time.sleep(POLL_S)
    raise FlightsError(f"run {run_id} of {job} was not over after {TIMEOUT_S:.0f} s")


def _run(settings: Settings, run_id: str, fields: str) -> dict[str, Any]:
    return dict(
        ask(settings, f"{{ runOrError(runId: {json.dumps(run_id)}) {{ ... on Run {{ {fields} }} }} }}")[
            "runOrError"
        ]
    )


def _timed(job: str, found: dict[str, Any]) -> Run:
    stats = found["stats"]
    began = stats["launchTime"] or stats["startTime"]
    steps = [(step["startTime"], step["endTime"]) for step in found["stepStats"]]
    return Run(stats["endTime"] - began, began - found["creationTime"], covered(steps))


def covered(spans: list[tuple[float, float]]) -> float:
    """Return how much time the spans cover together; where they overlap it counts once."""
    total, reached = 0.0, float("-inf")
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return total


@contextmanager
def automation_paused(settings: Settings) -> Iterator[None]:
    """No schedule and no sensor starts a run inside the block, and none that they had started is under way.

    They go on afterwards.
    """
    paused = pause(settings)
    try:
        _wait_until_quiet(settings)
        yield
    finally:
        for kind, name in paused:
            selector = (
                f'{{repositoryLocationName: "{LOCATION}", repositoryName: "{REPOSITORY}", {kind}Name:'
                f' "{name}"}}'
            )
            _change(
                settings,
                f"{'startSchedule' if kind == 'schedule' else 'startSensor'}({kind}Selector: {selector})",
            )


def _wait_until_quiet(settings: Settings) -> None:
    """Return when no run is under way.

    Maintenance after a start makes everything beside it two to four times as slow.
    """
    query = (
        "{ runsOrError(filter: {statuses: [QUEUED, NOT_STARTED, STARTING, STARTED, CANCELING]}) { ... on Runs"
        " { results { jobName } } } }"
    )
    deadline = time.monotonic() + TIMEOUT_S
    is_announced = False
    while running := [run["jobName"] for run in ask(settings, query)["runsOrError"]["results"]]:
        if time.monotonic() > deadline:
            raise FlightsError(
                f"{running[0]} has been under way for {TIMEOUT_S:.0f} s: measure when it has ended"
            )
        if not is_announced:
            sys.stderr.write(f"waiting for {', '.join(running)} to end\n")
            is_announced = True
        time.sleep(POLL_S)


def pause(settings: Settings) -> list[tuple[str, str]]:
    """Stop what starts runs by itself; kind and name of each that was running.

    Runs that it has asked for already go on.
    """
    running = [(kind, node) for kind, node in _automation(settings) if node["state"]["status"] == "RUNNING"]
    for kind, node in running:
        _change(
            settings,
            f"{'stopRunningSchedule' if kind == 'schedule' else 'stopSensor'}(id:"
            f" {json.dumps(node['state']['id'])})",
        )
    return [(kind, node["name"]) for kind, node in running]


def _automation(settings: Settings) -> list[tuple[str, dict[str, Any]]]:
    selector = f'{{repositoryLocationName: "{LOCATION}", repositoryName: "{REPOSITORY}"}}'
    fields = (
        "schedules { name state: scheduleState { id status } } sensors { name state: sensorState { id"
        " status } }"
    )
    found = ask(
        settings,
        f"{{ repositoryOrError(repositorySelector: {selector}) {{ ... on Repository {{ {fields} }} }} }}",
    )
    node = found["repositoryOrError"]
    return [("schedule", entry) for entry in node["schedules"]] + [
        ("sensor", entry) for entry in node["sensors"]
    ]


def _change(settings: Settings, mutation: str) -> None:
    answer = ask(
        settings, f"mutation {{ change: {mutation} {{ __typename ... on PythonError {{ message }} }} }}"
    )["change"]
    if answer["__typename"] in ("PythonError", "UnauthorizedError"):
        raise FlightsError(
            f"Dagster refused {mutation.split('(')[0]}: {answer.get('message', answer['__typename'])}"
        )


def has_work(settings: Settings) -> bool:
    """Return True if a message has not landed, or a batch has not passed every step.

    Raises:
        FlightsError: the topic ends before the landed offsets.
    """
    ledger = Ledger(Hdfs(settings))
    if topic_lag.has_news(kafka.end_offsets(settings), ledger.next_offsets()):
        return True
    return ledger.last_done(STEPS[-1]) < ledger.last_done(STEPS[0])
