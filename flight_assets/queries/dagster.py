"""Runs, schedules, sensors and materialisations, from the GraphQL API of Dagster."""

from __future__ import annotations

import urllib.error
from typing import TYPE_CHECKING, Any

import pandas as pd

from flight_assets.errors import FlightsError, StoreUnavailable
from flight_assets.platform.health import graphql

if TYPE_CHECKING:
    from flight_assets.settings import Settings

ENDED = ("SUCCESS", "FAILURE", "CANCELED")
RUN_COLUMNS = ("run_id", "job", "status", "created", "started", "ended", "seconds", "trigger", "url")
AUTOMATION_COLUMNS = (
    "name",
    "kind",
    "when",
    "status",
    "last_tick",
    "last_tick_status",
    "detail",
    "next_tick",
)
DAEMON_COLUMNS = ("daemon", "healthy", "last_heartbeat")
MATERIALIZATION_COLUMNS = ("first_batch", "last_batch", "materialized_at")
_TRIGGERS = ("dagster/schedule_name", "dagster/sensor_name", "dagster/backfill")
_TICKS = "ticks(limit: 1) { status timestamp skipReason error { message } }"


def ask(settings: Settings, query: str) -> dict[str, Any]:
    """Return the ``data`` of a GraphQL answer.

    Raises:
        StoreUnavailable: the web server does not answer, or answers with an error.
    """
    try:
        return graphql(settings, query)
    except (OSError, urllib.error.URLError, ValueError, FlightsError) as error:
        raise StoreUnavailable(
            "Dagster",
            settings.dagster_url,
            f"see `flights status` and `flights logs dagster-webserver` ({error})",
        ) from error


def runs(settings: Settings, limit: int = 50) -> pd.DataFrame:
    """One row per run, newest first: ``RUN_COLUMNS``.

    Times UTC, duration in seconds (null while unfinished), Dagster's status.
    """
    fields = "runId jobName status creationTime startTime endTime tags { key value }"
    query = f"{{ runsOrError(limit: {limit}) {{ ... on Runs {{ results {{ {fields} }} }} }} }}"
    found = ask(settings, query)["runsOrError"].get("results", [])
    rows = [
        (
            *(
                run["runId"],
                run["jobName"],
                run["status"],
                run["creationTime"],
                run["startTime"],
                run["endTime"],
            ),
            run["endTime"] - run["startTime"] if run["endTime"] and run["startTime"] else None,
            _trigger({tag["key"]: tag["value"] for tag in run["tags"]}),
            f"{settings.dagster_url}/runs/{run['runId']}",
        )
        for run in found
    ]
    return _with_times(pd.DataFrame(rows, columns=list(RUN_COLUMNS)), "created", "started", "ended")


def _trigger(tags: dict[str, str]) -> str:
    return next((tags[name] for name in _TRIGGERS if name in tags), "by hand")


def failed_since_success(ended: pd.DataFrame) -> dict[str, int]:
    """Return per job the number of failed runs since one last succeeded.

    Jobs without an ended run are left out. ``ended`` comes from ``runs``.
    """
    counts: dict[str, int] = {}
    for job, of_job in (
        ended[ended["status"].isin(("SUCCESS", "FAILURE"))]
        .sort_values("created", ascending=False)
        .groupby("job")
    ):
        failures = (of_job["status"] == "FAILURE").cumprod()
        counts[str(job)] = int(failures.sum())
    return counts


def automation(settings: Settings) -> pd.DataFrame:
    """One row per schedule and sensor: ``AUTOMATION_COLUMNS``.

    ``detail`` is why its last tick was skipped or failed. Times UTC.
    """
    query = (
        "{ repositoriesOrError { ... on RepositoryConnection { nodes { schedules { name cronSchedule"
        f" scheduleState {{ status {_TICKS} }} futureTicks(limit: 1) {{ results {{ timestamp }} }} }} sensors"
        f" {{ name minIntervalSeconds sensorState {{ status {_TICKS} }} nextTick {{ timestamp }} }} }} }}"
        " } }"
    )
    nodes = ask(settings, query)["repositoriesOrError"].get("nodes", [])
    rows = []
    for node in nodes:
        for found in node["schedules"]:
            future = found["futureTicks"]["results"]
            ahead = future[0]["timestamp"] if future else None
            rows.append(
                _automation_row(
                    found["name"], "schedule", found["cronSchedule"], found["scheduleState"], ahead
                )
            )
        for found in node["sensors"]:
            ahead = (found["nextTick"] or {}).get("timestamp")
            rows.append(
                _automation_row(
                    found["name"],
                    "sensor",
                    f"every {found['minIntervalSeconds']} s",
                    found["sensorState"],
                    ahead,
                )
            )
    return _with_times(pd.DataFrame(rows, columns=list(AUTOMATION_COLUMNS)), "last_tick", "next_tick")


def _automation_row(
    name: str, kind: str, when: str, state: dict[str, Any], ahead: float | None
) -> tuple[Any, ...]:
    tick: dict[str, Any] = state["ticks"][0] if state["ticks"] else {}
    detail = ((tick.get("error") or {}).get("message") or tick.get("skipReason") or "").strip().split("\n")[0]
    return name, kind, when, state["status"], tick.get("timestamp"), tick.get("status"), detail, ahead


def daemons(settings: Settings) -> pd.DataFrame:
    """One row per required daemon: ``DAEMON_COLUMNS``. Times UTC."""
    query = (
        "{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy lastHeartbeatTime }"
        " } } }"
    )
    found = ask(settings, query)["instance"]["daemonHealth"]["allDaemonStatuses"]
    rows = [
        (status["daemonType"], bool(status["healthy"]), status["lastHeartbeatTime"])
        for status in found
        if status["required"]
    ]
    return _with_times(pd.DataFrame(rows, columns=list(DAEMON_COLUMNS)), "last_heartbeat")


def materializations(settings: Settings, asset: str, limit: int = 50) -> pd.DataFrame:
    """One row per materialisation of a step that took batches, newest first: ``MATERIALIZATION_COLUMNS``.

    Batches inclusive, UTC.
    """
    query = (
        f'{{ assetOrError(assetKey: {{path: ["{asset}"]}}) {{ ... on Asset {{ assetMaterializations(limit:'
        f" {limit}) {{ timestamp metadataEntries {{ label ... on TextMetadataEntry {{ text }} }} }} }} }} }}"
    )
    found = ask(settings, query)["assetOrError"].get("assetMaterializations", [])
    rows = []
    for event in found:
        batches = next(
            (entry.get("text") for entry in event["metadataEntries"] if entry["label"] == "batch_id"), None
        )
        if batches:
            first, last = batches.split("–")
            rows.append((int(first), int(last), float(event["timestamp"]) / 1000))
    return _with_times(pd.DataFrame(rows, columns=list(MATERIALIZATION_COLUMNS)), "materialized_at")


def sensor_cursor(settings: Settings, name: str) -> str | None:
    """Return the cursor that a sensor wrote at its last tick; None if it has not ticked."""
    query = (
        "{ repositoriesOrError { ... on RepositoryConnection { nodes { sensors { name sensorState {"
        " typeSpecificData { ... on SensorData { lastCursor } } } } } } } }"
    )
    nodes = ask(settings, query)["repositoriesOrError"].get("nodes", [])
    states = [found["sensorState"] for node in nodes for found in node["sensors"] if found["name"] == name]
    return ((states[0]["typeSpecificData"] or {}).get("lastCursor") or None) if states else None


def _with_times(frame: pd.DataFrame, *names: str) -> pd.DataFrame:
    return frame.assign(
        **{name: pd.to_datetime(frame[name].astype("float64"), unit="s", utc=True) for name in names}
    )
