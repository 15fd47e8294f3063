"""Dashboard over a million flights: warm and cold pages, Redis, fifty viewers, batches beside them.

Needs a running platform with a model, and sends events to it: measure on a platform of its own. The pages
read databases of the benchmark. The time of a page runs from the request over Streamlit's web socket to the
end of its script. Drawing in the browser is not part of it.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import psutil
from pymongo import MongoClient
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from flight_assets.bench.figures import Figure, interleaved
from flight_assets.bench.warehouse_flights import create_predictions, create_rollups, documents, fact_rows
from flight_assets.bench.web import free_port, wait_until_healthy
from flight_assets.contracts.tables import FACT
from flight_assets.queries import history, live
from flight_assets.queries.cache import PREFIX, DataVersion, Query, ResultCache, open_cache
from flight_assets.queries.filters import Filters
from flight_assets.settings import PROJECT_DIR, Settings
from flight_assets.stores import mongo, redis
from flight_assets.stores.warehouse import Warehouse
from flight_assets.stores.warehouse import connect as connect_spark

NAME = "bench_dashboard"
PAGES = ("", "streaming", "history", "prediction", "quality", "operations")
VIEWERS = 50
HOT_SPREAD = timedelta(days=6.9)  # within the longest window that a page asks for
MS = 1000.0
DECODED = ", decoded again"


def measure(settings: Settings, quick: bool) -> dict[str, Figure]:
    """Return page, cache and viewer figures.

    ``warm_page_p95_ms``, ``cold_page_ms``, ``redis_hit_speedup``, ``viewers_50_p95_ms``,
    ``batch_latency_with_viewers``.
    """
    flights, hot, repetitions = (50_000, 5_000, 3) if quick else (1_000_000, 200_000, 10)
    own = settings.model_copy(update={"warehouse_database": NAME, "mongo_database": NAME})
    note = f"{flights:,} flights in the warehouse, {hot:,} in MongoDB"
    found: dict[str, Figure] = {}

    def take(name: str, figure: Figure) -> None:
        found[name] = figure
        sys.stderr.write(f"{name} {figure.value:.4g} {figure.unit}: {figure.sides_as_text()}\n")

    with _stores(own, flights, hot) as warehouse, _served(own) as url:
        cold = {
            page or "overview": [_cold(own, url, page) for _ in range(2 if quick else 3)] for page in PAGES
        }
        take(
            "cold_page_ms",
            Figure(max(median(side) for side in cold.values()), "ms", cold, "ms", f"slowest page; {note}"),
        )
        warm = {page or "overview": _warm(url, page, repetitions) for page in PAGES}
        take(
            "warm_page_p95_ms",
            Figure(_p95([ms for side in warm.values() for ms in side]), "ms", warm, "ms", note),
        )
        hits = _hits(own, warehouse)
        least = min(times for name, [times] in hits.items() if not name.endswith(DECODED))
        take(
            "redis_hit_speedup",
            Figure(least, "times", hits, "times", "of the least whose frame the process has decoded before"),
        )
        crowd = _crowd(url, 1 if quick else 3)
        take(
            "viewers_50_p95_ms",
            Figure(_p95(crowd), "ms", {"viewers": crowd}, "ms", f"{VIEWERS} sessions ask at once; {note}"),
        )
        beside = _batches(settings, url, 1 if quick else 3)
        slower = median(beside["with viewers"]) / median(beside["without viewers"])
        take("batch_latency_with_viewers", Figure(slower, "ratio", beside, "s", "batch of 1,000 events"))
    return found


@contextmanager
def _stores(own: Settings, flights: int, hot: int) -> Iterator[Warehouse]:
    warehouse = Warehouse(connect_spark(own), NAME)
    warehouse.spark.sql(f"DROP DATABASE IF EXISTS {NAME} CASCADE").collect()
    warehouse.create_tables()
    warehouse.spark.sql(fact_rows(flights, 365)).select(*FACT.column_names).write.format("delta").mode(
        "append"
    ).saveAsTable(warehouse.name(FACT))
    create_predictions(warehouse)
    create_rollups(warehouse)
    mongo.ensure_collection(own)
    with MongoClient[dict[str, Any]](own.mongo_uri) as client:
        client[NAME][mongo.FLIGHTS].delete_many({})
        client[NAME][mongo.FLIGHTS].insert_many(documents(warehouse, hot, HOT_SPREAD), ordered=False)
        try:
            yield warehouse
        finally:
            client.drop_database(NAME)
            warehouse.spark.sql(f"DROP DATABASE IF EXISTS {NAME} CASCADE").collect()


@contextmanager
def _served(own: Settings) -> Iterator[str]:
    """Yield the address of a dashboard over the measurement's databases."""
    port = free_port()
    names = {
        "FLIGHTS_MONGO_DATABASE": NAME,
        "FLIGHTS_WAREHOUSE_DATABASE": NAME,
        "PYTHONPATH": str(PROJECT_DIR),
    }
    places = {"FLIGHTS_HOME": str(own.home), "FLIGHTS_PORT_OFFSET": str(own.port_offset)}
    app = Path(PROJECT_DIR) / "dashboard/app.py"
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(app),
        "--server.address",
        "127.0.0.1",
        "--server.port",
        str(port),
    ]
    process = subprocess.Popen(
        command, env=psutil.Process().environ() | names | places, stdout=subprocess.DEVNULL
    )
    try:
        wait_until_healthy(f"http://127.0.0.1:{port}/_stcore/health")
        yield f"ws://127.0.0.1:{port}/_stcore/stream"
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def _viewer(url: str) -> Iterator[ClientConnection]:
    with connect(url, subprotocols=["streamlit"], max_size=None, open_timeout=60, close_timeout=1) as socket:  # type: ignore[list-item]
        yield socket


def _visit(socket: ClientConnection, page: str) -> float:
    """Milliseconds until the page's script has finished.

    Raises RuntimeError if the page shows an exception.
    """
    message = BackMsg()
    message.rerun_script.page_name = page
    message.rerun_script.is_auto_rerun = False
    began = time.perf_counter()
    socket.send(message.SerializeToString())
    while True:
        reply = ForwardMsg()
        reply.ParseFromString(socket.recv(timeout=120, decode=False))
        if reply.WhichOneof("type") == "delta" and reply.delta.new_element.WhichOneof("type") == "exception":
            raise RuntimeError(f"the page {page!r} shows {reply.delta.new_element.exception.message}")
        if (
            reply.WhichOneof("type") == "script_finished"
            and reply.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
        ):
            return MS * (time.perf_counter() - began)


def _cold(own: Settings, url: str, page: str) -> float:
    client = redis.connect(own)
    keys: list[Any] = list(client.scan_iter(f"{PREFIX}*"))
    if keys:
        client.delete(*keys)
    client.close()
    with _viewer(url) as socket:
        return _visit(socket, page)


def _warm(url: str, page: str, repetitions: int) -> list[float]:
    with _viewer(url) as socket:
        _visit(socket, page)
        return [_visit(socket, page) for _ in range(repetitions)]


def _hits(own: Settings, warehouse: Warehouse) -> dict[str, list[float]]:
    """Return by query how many times longer the store takes than Redis.

    Both as pages ask, and with the frame decoded again.
    """
    cache, year = open_cache(own), Filters()
    version = DataVersion(own).history()
    with mongo.database(own) as db:
        asked: dict[str, Callable[[], Any]] = {
            "history.series": lambda: history.series(warehouse, year, "day"),
            "history.by": lambda: history.by(warehouse, year, "airline"),
            "history.by_weekday_and_hour": lambda: history.by_weekday_and_hour(warehouse, year),
            "live.by_route": lambda: live.by_route(db, 10_080),
            "live.over_time": lambda: live.over_time(db, 10_080, "hour"),
        }
        speedups = {}
        for name, compute in asked.items():
            query = Query(f"bench.{name}", {}, lambda: version, compute)
            cache.ask(query)
            sides = {
                "store": compute,
                "redis": lambda query=query: cache.ask(query),  # type: ignore[misc]
                DECODED: lambda query=query: _decoding(cache, query),  # type: ignore[misc]
            }
            seconds = interleaved(sides, 7)
            speedups[name] = [median(seconds["store"]) / median(seconds["redis"])]
            speedups[f"{name}{DECODED}"] = [median(seconds["store"]) / median(seconds[DECODED])]
    return speedups


def _decoding(cache: ResultCache, query: Query) -> None:
    cache.answers.kept.clear()
    cache.ask(query)


def _crowd(url: str, rounds: int) -> list[float]:
    """Return milliseconds of each of VIEWERS sessions that ask for a page at the same moment.

    Pages take turns, for ``rounds`` rounds.
    """
    barrier = threading.Barrier(VIEWERS)

    def view(page: str) -> list[float]:
        with _viewer(url) as socket:
            _visit(socket, page)
            found = []
            for _ in range(rounds):
                barrier.wait(timeout=300)
                found.append(_visit(socket, page))
            return found

    pages = [page for page, _ in zip(cycle(PAGES), range(VIEWERS), strict=False)]
    with ThreadPoolExecutor(VIEWERS) as pool:
        return [ms for found in pool.map(view, pages) for ms in found]


def _batches(settings: Settings, url: str, repetitions: int) -> dict[str, list[float]]:
    """Return seconds of a batch of 1,000 new events, alone and beside VIEWERS that refresh every minute."""
    seeds = iter(range(1, 10_000))
    return interleaved(
        {
            "without viewers": lambda: _batch(settings, next(seeds)),
            "with viewers": lambda: _beside(url, lambda: _batch(settings, next(seeds))),
        },
        repetitions,
    )


def _batch(settings: Settings, seed: int) -> None:
    from flight_assets.automation.runs import run_job
    from flight_assets.producer.publish import publish
    from flight_assets.producer.synthetic import synthetic_messages

    # Seconds of the clock make the seeds of two measurements differ, so that no event has been seen before.
    anchor = datetime.now(UTC)
    publish(
        synthetic_messages(100_000 + int(anchor.timestamp()) % 1_000_000 * 20 + seed, 1_000, anchor),
        settings.kafka_bootstrap_servers,
        settings.kafka_topic,
    )
    run_job(settings, "process_flights")


def _beside(url: str, work: Callable[[], None]) -> None:
    """Do the work while VIEWERS look, each at a page that refreshes every minute, spread over the minute."""
    stop = threading.Event()

    def view(number: int) -> None:
        with _viewer(url) as socket:
            stop.wait(60 * number / VIEWERS)
            while not stop.is_set():
                _visit(socket, PAGES[number % len(PAGES)])
                stop.wait(60)

    with ThreadPoolExecutor(VIEWERS) as pool:
        viewers = [pool.submit(view, number) for number in range(VIEWERS)]
        try:
            work()
        finally:
            stop.set()
    for viewer in viewers:
        viewer.result()


def _p95(values: list[float]) -> float:
    return quantiles(values, n=20)[-1] if len(values) > 1 else values[0]
