"""The embedded platform and its command line, as a user meets them."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from flight_assets.bench import runs
from flight_assets.errors import FlightsError
from flight_assets.platform import launcher, obstacles, supervision
from flight_assets.platform.services import services
from flight_assets.settings import Settings
from flight_assets.stores.warehouse import open_warehouse
from flight_assets_tests.integration.conftest import run_command

pytestmark = pytest.mark.integration
MEMORY_BUDGET_MB = 6_000


def status_rows() -> dict[str, dict]:
    return {
        row["name"]: row for row in json.loads(run_command("flights", "status", "--json").stdout)["services"]
    }


@pytest.mark.core
def test_status_has_every_service_running_within_the_memory_budget(platform) -> None:
    rows = status_rows()
    assert set(rows) == {service.name for service in services(platform)}
    assert all(
        set(row) == {"name", "state", "pid", "port", "rss_mb", "uptime_s", "version"} for row in rows.values()
    )
    assert {row["state"] for row in rows.values()} == {"running"}
    assert all(
        psutil.pid_exists(row["pid"]) and row["version"] and row["rss_mb"] > 0 for row in rows.values()
    )
    memory = {name: row["rss_mb"] for name, row in rows.items()}
    assert sum(memory.values()) < MEMORY_BUDGET_MB, memory


@pytest.mark.core
def test_every_port_listens_on_loopback_only(platform) -> None:
    ours = {row["pid"] for row in status_rows().values()}
    family = ours | {child.pid for pid in ours for child in psutil.Process(pid).children(recursive=True)}
    addresses = {
        c.laddr.ip
        for c in psutil.net_connections("tcp")
        if c.status == psutil.CONN_LISTEN and c.pid in family
    }
    assert addresses <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def test_up_again_leaves_the_running_processes_alone(platform) -> None:
    before = {name: row["pid"] for name, row in status_rows().items()}
    output = run_command("flights", "up").stdout
    assert {name: row["pid"] for name, row in status_rows().items()} == before
    assert platform.dagster_url in output


def test_a_run_is_forked_from_the_process_that_has_the_definitions(platform) -> None:
    server = psutil.Process(status_rows()["dagster-code"]["pid"])
    (forkserver,) = [
        child for child in server.children() if "multiprocessing.forkserver" in " ".join(child.cmdline())
    ]
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(runs.run_job, platform, "process_flights")
        seen = set()
        while not run.done():
            seen |= {child.pid for child in forkserver.children()}
            time.sleep(0.05)
    run.result()
    assert seen


def test_doctor_finds_nothing_wrong(platform) -> None:
    assert "fail" not in run_command("flights", "doctor").stdout


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["up", "--nonsense"],
        ["logs", "nonsense"],
        ["produce", "--source", "nonsense"],
        ["produce", "--events", "0"],
    ],
)
def test_wrong_use_exits_with_2(words: list[str]) -> None:
    run_command("flights", *words, expect=2)


def test_logs_prints_the_end_of_a_services_log(platform) -> None:
    shown = run_command("flights", "logs", "mongod", "--lines", "20").stdout
    assert len(shown.splitlines()) == 20
    assert shown in (platform.home / "logs/mongod.log").read_text()


def test_reset_asks_first_and_keeps_all_on_no(platform) -> None:
    run_command("flights", "reset", expect=1)
    assert platform.home.exists()
    assert {row["state"] for row in status_rows().values()} == {"running"}


def test_a_taken_port_is_named_with_the_process_that_holds_it(tmp_path) -> None:
    settings = Settings(home=tmp_path / "second", port_offset=31_000)
    with (
        socket.create_server(("127.0.0.1", settings.port("redis"))),
        pytest.raises(
            FlightsError, match=rf"port {settings.port('redis')} of redis is taken by process {os.getpid()}"
        ),
    ):
        launcher.up(settings, lambda _line: None, lambda _done, _total: None)


def test_a_folder_keeps_the_ports_that_it_was_created_with(tmp_path) -> None:
    (tmp_path / "port_offset").write_text("5\n")
    with pytest.raises(FlightsError, match="FLIGHTS_PORT_OFFSET=5"):
        launcher.up(
            Settings(home=tmp_path, port_offset=31_000), lambda _line: None, lambda _done, _total: None
        )


def test_a_full_disk_is_told_before_anything_starts(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(obstacles, "MIN_FREE_DISK_MB", 10**9)
    with pytest.raises(FlightsError, match="MB free at .*: free some, or set FLIGHTS_HOME"):
        launcher.up(
            Settings(home=tmp_path, port_offset=31_000), lambda _line: None, lambda _done, _total: None
        )


def test_no_network_at_first_start_is_one_sentence(tmp_path, monkeypatch) -> None:
    from jgo.maven import Artifact

    def unreachable(_artifact) -> None:
        raise ConnectionError("name resolution failed")

    monkeypatch.setattr(Artifact, "resolve", unreachable)
    settings = Settings(home=tmp_path / "home", cache_dir=tmp_path / "cache", port_offset=31_000)
    with pytest.raises(FlightsError, match="cannot download .* from Maven .*: check the network"):
        launcher.up(settings, lambda _line: None, lambda _done, _total: None)


def test_a_service_that_does_not_come_up_shows_the_end_of_its_log(tmp_path) -> None:
    """Redis is given a file where its data folder should be."""
    settings = Settings(home=tmp_path / "broken", port_offset=31_000)
    redis = next(service for service in services(settings) if service.name == "redis")
    supervision.start(settings, supervision.write_config(settings, [redis]))
    supervision.start_service(settings, "redis")
    try:
        with pytest.raises(
            FlightsError, match="(?s)redis did not come up.*end of its log:.*No such file or directory"
        ):
            launcher.wait_until_healthy(settings, redis)
    finally:
        supervision.shutdown(settings)


@pytest.mark.core
@pytest.mark.parametrize("name", ["redis", "mongod", "kafka"])
def test_a_killed_service_is_started_again(platform, name: str) -> None:
    before = status_rows()[name]["pid"]
    os.kill(before, signal.SIGKILL)
    service = next(service for service in services(platform) if service.name == name)
    psutil.wait_procs([process for process in psutil.process_iter() if process.pid == before], timeout=5)
    launcher.wait_until_healthy(platform, service)
    assert status_rows()[name]["pid"] != before


@pytest.mark.restarts_spark
def test_up_after_a_kill_of_everything(platform) -> None:
    """Supervisor and services die at once.

    The next `up` clears what is left and everything works again, with its data. A process that lives on, as
    the dashboard does, opens the warehouse again at once, also in a thread that has a session of its own.
    """
    from pyspark.sql import SparkSession

    def ask_one() -> list[int]:
        return open_warehouse(platform).ask("SELECT 1 AS one")["one"].tolist()

    thread = ThreadPoolExecutor(1)
    assert ask_one() == [1]
    thread.submit(SparkSession.builder.remote(platform.spark_remote).create).result()
    assert thread.submit(ask_one).result() == [1]
    supervisor = int((platform.home / "run/supervisord.pid").read_text())
    victims = [supervisor, *(row["pid"] for row in status_rows().values())]
    marker = platform.home / "marker"
    marker.write_text("kept")
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    run_command("flights", "up")
    assert {row["state"] for row in status_rows().values()} == {"running"}
    assert not {row["pid"] for row in status_rows().values()} & set(victims)
    assert marker.read_text() == "kept"
    marker.unlink()
    assert thread.submit(ask_one).result() == [1]
    assert ask_one() == [1]
    assert open_warehouse(platform).spark is SparkSession.active(), "no call makes another session"
