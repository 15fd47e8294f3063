"""Queries and helpers that several parts of the operations page share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pandas as pd
import streamlit as st
from pydantic import TypeAdapter

from dashboard import components as ui
from dashboard import data
from flight_assets.monitoring import history
from flight_assets.queries import dagster, operations
from flight_assets.queries.cache import Answer, Query
from flight_assets.settings import Settings

T = TypeVar("T")
_BOARD = TypeAdapter(history.Board)
Answers = dict[str, Answer | Exception]
TIME = "YYYY-MM-DD HH:mm:ss"


def query(name: str, compute: Callable[[Settings], pd.DataFrame]) -> Query:
    """Return a query about this minute, shared by all viewers through the cache."""
    return data.about_now(f"operations.{name}", compute)


def one_row(values: Callable[[Settings], dict[str, float]]) -> Callable[[Settings], pd.DataFrame]:
    """Return a function that gives figures by name as a frame of one row."""
    return lambda settings: pd.DataFrame([values(settings)])


def services_query() -> Query:
    """Return the query of the services, which two parts of the page share."""
    return query("services", operations.services)


def runs_query() -> Query:
    """Return the query of Dagster's newest runs."""
    return query("runs", lambda settings: dagster.runs(settings, operations.RECENT_RUNS))


def lag_query() -> Query:
    """Return the query of the topic's lag."""
    return query("lag", operations.topic_lag)


def batches_query() -> Query:
    """Return the query of the newest batches."""
    return query("batches", operations.batches)


def redis_query() -> Query:
    """Return the query of Redis."""
    return query("redis", one_row(operations.redis_info))


def board_query() -> Query:
    """Return the query of the alerts, as one cell of JSON."""
    return query(
        "board",
        lambda settings: pd.DataFrame({"board": [_BOARD.dump_json(history.board(settings)).decode()]}),
    )


def stamped(
    found: dict[str, Answer | Exception], source: str = "the services, Dagster, Kafka, the ledger and Redis"
) -> None:
    """Show the oldest "data as of" among the loaded answers, or nothing without any."""
    answers = [answer for answer in found.values() if isinstance(answer, Answer)]
    if answers:
        ui.stamp(*answers, source=source)


def of(found: Answer | Exception, take: Callable[[pd.DataFrame], T]) -> T | None:
    """Return a value taken from an answer; None after an error."""
    return None if isinstance(found, Exception) else take(found.frame)


def times_column(label: str) -> object:
    """Return the configuration of a column of moments."""
    return st.column_config.DatetimeColumn(f"{label} (UTC)", format=TIME, timezone="UTC")


def typed(frame: pd.DataFrame, *times: str) -> pd.DataFrame:
    """Return the frame with these columns as times, also where all are null."""
    return frame.assign(**{name: pd.to_datetime(frame[name], utc=True) for name in times})
