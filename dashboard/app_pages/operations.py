"""Operations & Monitoring: what works, what runs, what waits, how full it is, and what alarms ring."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from pydantic import TypeAdapter

from dashboard import components as ui
from dashboard import data, made, operations_charts
from flight_assets.monitoring import history
from flight_assets.queries import dagster, operations
from flight_assets.queries.cache import Answer, Query
from flight_assets.settings import Settings

GB = 1e9
T = TypeVar("T")
_BOARD = TypeAdapter(history.Board)
STATUS_ICONS = {"firing": "● firing", "pending": "◐ pending", "silenced": "⊘ silenced", "resolved": "○ resolved"}
RUN_ICONS = {"SUCCESS": "✓ success", "FAILURE": "✗ failure", "CANCELED": "– canceled", "STARTED": "… running", "QUEUED": "… queued"}
SHOWN_RUNS = 30
TIME = "YYYY-MM-DD HH:mm:ss"

ui.page("Operations & Monitoring", "What works, what runs, what waits, how full it is, and what alarms ring.")


def query(name: str, compute: Callable[[Settings], pd.DataFrame]) -> Query:
    """A question about this minute, shared by all viewers through the cache."""
    return data.about_now(f"operations.{name}", compute)


def one_row(values: Callable[[Settings], dict[str, float]]) -> Callable[[Settings], pd.DataFrame]:
    """A frame of one row from figures by name."""
    return lambda settings: pd.DataFrame([values(settings)])


SERVICES = ("services", operations.services)
RUNS = ("runs", lambda settings: dagster.runs(settings, operations.RECENT_RUNS))
LAG = ("lag", operations.topic_lag)
BATCHES = ("batches", operations.batches)
REDIS = ("redis", one_row(operations.redis_info))
BOARD = ("board", lambda settings: pd.DataFrame({"board": [_BOARD.dump_json(history.board(settings)).decode()]}))


def overview() -> None:
    """The score and what it is made of."""
    found = ui.gather(
        services=query(*SERVICES), runs=query(*RUNS), lag=query(*LAG), batches=query(*BATCHES), redis=query(*REDIS), board=query(*BOARD)
    )
    asked = found.pop("board")
    board = asked if isinstance(asked, Exception) else made.value(read_board, asked)
    age, succeeded = of(found["runs"], lambda frame: operations.pipeline_runs(frame, datetime.now(UTC))) or (None, None)
    lag = of(found["lag"], lambda frame: float(frame["lag"].sum()))
    works = of(found["services"], lambda frame: float(frame["works"].mean()))
    parts = operations.health_parts(
        data.clients().settings, works=works, data_age_s=age, succeeded=succeeded, lag=lag, rejected=of(found["batches"], rejected)
    )
    score = operations.health_score(parts)
    weakest = min(parts, key=lambda name: parts[name])
    with st.container(horizontal=True):
        note = "every part at its best" if parts[weakest] > 0.999 else f"weakest: {weakest}, {parts[weakest]:.0%}"
        ui.metric("Pipeline health", ui.percent(score, 0), note, help=FORMULA)
        with ui.cell():
            firing = raised(board).firing
            loud = [alert for alert in firing if not raised(board).silence_of(alert.rule)]
            ui.metric("Alarms", str(len(loud)), f"{len(firing) - len(loud)} more silenced" if len(firing) > len(loud) else "firing now")
        with ui.cell():
            frame = ui.answer(found["services"]).frame
            broken = ", ".join(frame.loc[~frame["works"], "service"])
            ui.metric("Services that work", f"{int(frame['works'].sum())} of {len(frame)}", f"not: {broken}" if broken else "all of them")
        with ui.cell():
            waiting = ui.answer(found["lag"]).frame["lag"]
            ui.metric("Topic lag", f"{int(waiting.sum()):,}", "messages that no batch has taken")
        with ui.cell():
            ui.answer(found["runs"])
            ui.metric("Data age", ui.duration(age), "since a run last succeeded" if age is not None else "no run has succeeded yet")
        with ui.cell():
            row = ui.answer(found["redis"]).frame.iloc[0]
            counted = ", ".join(f"{row[name]:,.0f} {name}" for name in ("hits", "misses", "errors"))
            ui.metric("Cache hit ratio", ui.percent(row["hit_ratio"]), counted)
    stamped(found)
    left, right = st.columns([3, 2])
    with left:
        alarms(board)
    with right, ui.section("Health score", FORMULA):
        ui.chart(
            made.figure(operations_charts.health_parts, parts), "operations_health", f"Bars: parts of the health score, {score:.0%} in all"
        )
        st.caption(FORMULA)
        stamped(found)


def stamped(found: dict[str, Answer | Exception], source: str = "the services, Dagster, Kafka, the ledger and Redis") -> None:
    """As of when the answers are that there are; nothing without any."""
    answers = [answer for answer in found.values() if isinstance(answer, Answer)]
    if answers:
        ui.stamp(*answers, source=source)


def read_board(frame: pd.DataFrame) -> history.Board:
    """The board out of its answer."""
    return _BOARD.validate_json(frame["board"].iloc[0])


def raised(board: history.Board | Exception) -> history.Board:
    """The board, or its error raised."""
    if isinstance(board, Exception):
        raise board
    return board


def of(found: Answer | Exception, take: Callable[[pd.DataFrame], T]) -> T | None:
    """Something of an answer; None if there is none."""
    return None if isinstance(found, Exception) else take(found.frame)


def rejected(frame: pd.DataFrame) -> float:
    """Share of the messages of recent batches that were quarantined."""
    return float(frame["quarantined"].sum() / max(1, frame["messages"].sum()))


FORMULA = " + ".join(f"{weight:.2f} × {part}" for part, weight in operations.HEALTH_WEIGHTS.items()) + (
    ". services: share whose check passes; freshness: age limit ÷ data age, at most 1; runs: share of recent runs that succeeded; "
    "lag: lag limit ÷ lag, at most 1; quality: 1 − quarantined share ÷ its limit. What cannot be read counts 0."
)


def alarms(board: history.Board | Exception) -> None:
    """What rings, with what to do; then what is over."""
    with ui.section("Alarms", "Evaluated each minute by the sensor `watch`. To silence one: `flights alerts silence RULE --reason TEXT`."):
        found = raised(board)
        if not found.firing:
            st.success("No alarm is firing.", icon=":material/notifications_off:")
        rows = [
            (
                STATUS_ICONS["silenced" if alert.status == "firing" and found.silence_of(alert.rule) else alert.status],
                *(alert.severity, alert.summary, alert.since, alert.resolved_at, alert.remedy, alert.key),
            )
            for alert in sorted(found.alerts, key=lambda alert: (alert.status == "resolved", -alert.since.timestamp()))
        ]
        if rows:
            frame = pd.DataFrame(rows, columns=["status", "severity", "what", "since", "over", "remedy", "alarm"])
            times = {name: times_column(name) for name in ("since", "over")}
            ui.table(typed(frame, "since", "over"), key="operations_alarms", height=min(320, 38 + 36 * len(frame)), column_config=times)
        for silence in found.silences:
            st.caption(f"{silence.rule} is silenced until {silence.until:%Y-%m-%d %H:%M} UTC, by {silence.by}: {silence.reason}")
        for name, problem in found.problems.items():
            st.warning(f"{name}: {problem}", icon=":material/report:")
        if found.as_of is None:
            st.warning("The rules have not been evaluated yet. See whether the sensor `watch` runs.", icon=":material/report:")
        else:
            ui.stamp(Answer(pd.DataFrame(), found.as_of, "store"), source=found.source)


def times_column(label: str) -> object:
    """A column of moments."""
    return st.column_config.DatetimeColumn(f"{label} (UTC)", format=TIME, timezone="UTC")


def typed(frame: pd.DataFrame, *times: str) -> pd.DataFrame:
    """The frame with these columns as times, also where all are null."""
    return frame.assign(**{name: pd.to_datetime(frame[name], utc=True) for name in times})


def services() -> None:
    """Every service, and how full everything is."""
    found = ui.gather(
        services=query(*SERVICES),
        machine=query("machine", one_row(operations.machine)),
        hdfs=query("hdfs", one_row(operations.hdfs_capacity)),
        mongodb=query("mongodb", one_row(operations.mongodb_size)),
        redis=query(*REDIS),
        spark=query("spark", one_row(operations.spark_memory)),
    )
    left, right = st.columns([3, 2])
    with left, ui.section("Services", "State by the supervisor; a service works if its own check passed just now."):
        answer = ui.answer(found["services"])
        frame = answer.frame.assign(works=["✓ works" if works else "✗ does not" for works in answer.frame["works"]])
        shown = frame[["service", "works", "state", "rss_mb", "uptime_s", "version", "port", "problem"]]
        columns = {
            "rss_mb": st.column_config.ProgressColumn("memory", format="%d MB", max_value=2_000, color="blue"),
            "uptime_s": "up for",
            "port": st.column_config.NumberColumn("port", format="%d"),
        }
        ui.table(
            shown.assign(uptime_s=[ui.duration(s) for s in shown["uptime_s"]]), key="operations_services", height=450, column_config=columns
        )
        ui.stamp(answer, source="each service", note=f"{frame['rss_mb'].sum() / 1000:,.1f} GB resident in all")
    with right, ui.section("How full", "Used share of each; the mark is where an alarm rings."):
        rows, missing = fullness(found)
        if rows:
            figure = made.figure(capacity, rows)
            ui.chart(figure, "operations_capacity", f"Bars: used share of {', '.join(row[0] for row in rows)}")
        for name in missing:
            st.caption(f"{name}: not known, it does not answer")
        extra = of(found["hdfs"], lambda frame: frame.iloc[0])
        if extra is not None:
            st.caption(
                f"HDFS: {extra['used_bytes'] / 1e6:,.1f} MB ours; "
                f"{extra['live_datanodes']:.0f} DataNodes live, {extra['dead_datanodes']:.0f} dead; {extra['files']:,.0f} files; "
                f"{extra['missing_blocks']:.0f} blocks missing, {extra['under_replicated_blocks']:.0f} with too few copies"
            )
        stamped(found, "NameNode JMX, dbStats, INFO, Spark, the machine")


def capacity(rows: list[tuple[str, float, str, float | None]]) -> go.Figure:
    """The bars of ``fullness``."""
    frame = pd.DataFrame(rows, columns=["name", "ratio", "text", "limit_ratio"]).astype({"limit_ratio": float})
    return operations_charts.capacity(frame)


def fullness(found: dict[str, Answer | Exception]) -> tuple[list[tuple[str, float, str, float | None]], list[str]]:
    """Name, used share, text and alert limit of all that can be full; and the names of what does not answer."""
    limits = data.clients().settings
    rows: list[tuple[str, float, str, float | None]] = []
    row = of(found["machine"], lambda frame: frame.iloc[0])
    if row is not None:
        rows += [
            ("CPU", row["cpu_used_ratio"], f"{row['cpu_used_ratio']:.0%} of {row['cpu_count']:.0f} cores", None),
            ("Memory", row["memory_used_ratio"], amount(row["memory_used_bytes"], row["memory_total_bytes"]), None),
            ("Disk", row["disk_used_ratio"], amount(row["disk_total_bytes"] - row["disk_free_bytes"], row["disk_total_bytes"]),
             limits.alert_disk_used_ratio),
        ]  # fmt: skip
    row = of(found["hdfs"], lambda frame: frame.iloc[0])
    if row is not None:
        rows.append(("HDFS", row["used_ratio"], f"{row['remaining_bytes'] / GB:,.0f} GB free", None))
    row = of(found["mongodb"], lambda frame: frame.iloc[0])
    if row is not None:
        used = row["data_bytes"] + row["index_bytes"]
        rows.append(("MongoDB", row["threshold_used_ratio"], amount(used, row["threshold_bytes"]), limits.alert_archive_used_ratio))
    row = of(found["redis"], lambda frame: frame.iloc[0])
    if row is not None and row["memory_limit_bytes"]:
        rows.append(
            ("Redis", row["memory_bytes"] / row["memory_limit_bytes"], amount(row["memory_bytes"], row["memory_limit_bytes"]), None)
        )
    row = of(found["spark"], lambda frame: frame.iloc[0])
    if row is not None and row["memory_limit_bytes"]:
        text = amount(row["memory_used_bytes"], row["memory_limit_bytes"])
        rows.append(("Spark storage", row["memory_used_bytes"] / row["memory_limit_bytes"], text, None))
    names = {"hdfs": "HDFS", "mongodb": "MongoDB", "redis": "Redis", "spark": "Spark"}
    return rows, [name for key, name in names.items() if isinstance(found[key], Exception)]


def amount(used: float, total: float) -> str:
    """``1.2 of 3.4 GB``, in MB below a gigabyte."""
    unit, size = ("GB", GB) if total >= GB else ("MB", 1e6)
    return f"{used / size:,.1f} of {total / size:,.0f} {unit}"


def orchestration() -> None:
    """Dagster's runs, schedules and sensors; Airflow's DAGs where it is configured."""
    found = ui.gather(runs=query(*RUNS), automation=query("automation", dagster.automation), daemons=query("daemons", dagster.daemons))
    left, right = st.columns([3, 2])
    with left, ui.section("Runs", "The newest runs of every job, by Dagster."):
        answer = ui.answer(found["runs"])
        if answer.frame.empty:
            ui.empty("Dagster has not run anything yet. The schedule does so every minute; `flights process` does it now.")
        else:
            alt = f"Marks: the newest {len(answer.frame)} runs by start, duration and outcome"
            ui.chart(made.figure(operations_charts.runs, answer, ui.time_zone()), "operations_runs", alt)
            shown = answer.frame.head(SHOWN_RUNS)
            frame = shown.assign(status=[RUN_ICONS.get(status, status.lower()) for status in shown["status"]], run=shown["url"])
            columns = {
                "started": times_column("started"),
                "seconds": st.column_config.NumberColumn("took (s)", format="%.0f"),
                "run": st.column_config.LinkColumn("run", display_text=r"runs/(.{8})"),
            }
            picked = frame[["status", "job", "started", "seconds", "trigger", "run"]]
            ui.table(picked, key="operations_runs_table", height=250, column_config=columns)
        ui.stamp(answer, source="Dagster", note=f"failed since success: {failures(answer.frame)}")
    with right, ui.section("Schedules and sensors", "When each last looked, and what it decided."):
        answer = ui.answer(found["automation"])
        columns = {"last_tick": times_column("last tick"), "next_tick": times_column("next")}
        picked = answer.frame[["name", "kind", "when", "status", "last_tick", "last_tick_status", "detail", "next_tick"]]
        ui.table(picked, key="operations_automation", height=38 + 36 * len(picked), column_config=columns)
        ill = ui.answer(found["daemons"]).frame.query("not healthy")["daemon"]
        st.caption(f"Daemons without a heartbeat: {', '.join(ill)}" if len(ill) else "Every Dagster daemon has a current heartbeat.")
        ui.stamp(answer, source="Dagster")
    if data.clients().settings.airflow_url:
        with ui.section("Airflow", "DAGs of the configured Airflow."):
            answer = ui.answer(ui.gather(dags=query("airflow", operations.airflow_dags))["dags"])
            ui.table(typed(answer.frame, "last_run_at"), key="operations_airflow", column_config={"last_run_at": times_column("last run")})
            ui.stamp(answer, source="Airflow")


def failures(frame: pd.DataFrame) -> str:
    """Jobs with failures since their last success, in words."""
    failed = {job: count for job, count in dagster.failed_since_success(frame).items() if count}
    return ", ".join(f"{job} {count}" for job, count in failed.items()) or "none"


def work() -> None:
    """Batches, the stream, Spark's jobs and the topic."""
    found = ui.gather(
        batches=query(*BATCHES),
        steps=query("steps", operations.step_progress),
        streaming=query("streaming", one_row(lambda settings: {name: float(v) for name, v in operations.streaming(settings).items()})),
        lag=query(*LAG),
        jobs=query("jobs", operations.spark_jobs),
    )
    left, right = st.columns(2)
    with left, ui.section("Batches", "How long each step of the newest batches took."):
        answer = ui.answer(found["batches"])
        if answer.frame.empty:
            ui.empty("No batch has been finished yet. Run `flights produce`, then `flights process`.")
        else:
            alt = f"Stacked bars: seconds per step of the newest {len(answer.frame)} batches"
            ui.chart(made.figure(operations_charts.step_durations, answer), "operations_steps", alt)
        waiting = ui.answer(found["steps"]).frame.query("pending > 0")
        sentences = [f"{row.pending} for {row.step}" for row in waiting.itertuples()]
        st.caption(f"Batches that wait: {', '.join(sentences)}" if sentences else "No batch waits for a step.")
        ui.stamp(answer, source="the batches' records on HDFS")
    with right, ui.section("Landing", "Kafka to HDFS, from the plans of batches and their records."):
        answer = ui.answer(found["batches"])
        if not answer.frame.empty:
            alt = f"Bars: messages a second of the newest {len(answer.frame)} batches"
            ui.chart(made.figure(operations_charts.landing_rate, answer), "operations_landing", alt)
        progress = ui.answer(found["streaming"]).frame.iloc[0]
        state = "is writing" if progress["planned"] > progress["committed"] else "has written"
        st.caption(f"Landing {state} batch {progress['planned']:.0f}; committed up to {progress['committed']:.0f}."
                   if progress["planned"] >= 0 else "Nothing has landed yet.")  # fmt: skip
        ui.stamp(answer, source="HDFS")
    left, right = st.columns([2, 3])
    with left, ui.section("Topic lag", "Messages per partition: taken by a batch, and waiting."):
        answer = ui.answer(found["lag"])
        if answer.frame["end_offset"].sum() == 0:
            ui.empty("The topic is empty. Send some messages with `flights produce`.")
        else:
            alt = f"Bars: messages taken and waiting per partition, {int(answer.frame['lag'].sum())} waiting"
            ui.chart(made.figure(operations_charts.lag, answer), "operations_lag", alt)
        ui.stamp(answer, source="Kafka and the ledger")
    with right, ui.section("Spark jobs", "The newest jobs of the one application."):
        answer = ui.answer(found["jobs"])
        if answer.frame.empty:
            ui.empty("Spark has not run a job yet.")
        else:
            columns = {"submitted": times_column("submitted"), "seconds": st.column_config.NumberColumn("took (s)", format="%.1f")}
            shown = answer.frame[["job_id", "status", "submitted", "seconds", "tasks", "failed_tasks", "name"]]
            ui.table(shown, key="operations_jobs", height=260, column_config=columns)
        ui.stamp(answer, source="Spark's REST interface")


def archives() -> None:
    """What is being archived, and what was when."""
    with ui.section("Archives", "From the hot store to HDFS; newest first."):
        found = ui.gather(archives=query("archives", operations.archives), state=query("archive_state", operations.archive_state))
        state = ui.answer(found["state"]).frame.iloc[0]
        told = [f"{name}: {state[name]}" for name in ("paused", "running", "unfinished", "next") if state[name]]
        st.caption(" · ".join(told))
        answer = ui.answer(found["archives"])
        if answer.frame.empty:
            ui.empty("Nothing has been archived yet: MongoDB has not reached the threshold.")
        else:
            alt = f"Marks: {len(answer.frame)} archives by begin and documents"
            ui.chart(made.figure(operations_charts.archives, answer, ui.time_zone()), "operations_archive_timeline", alt)
            columns = {"timestamp": times_column("begun")}
            ui.table(answer.frame, key="operations_archives", height=200, column_config=columns)
        ui.stamp(answer, source="the archives' records")


ui.live(overview, "operations_overview")
ui.live(services, "operations_services_part")
ui.live(orchestration, "operations_orchestration")
ui.live(work, "operations_work")
ui.live(archives, "operations_archives_part")
