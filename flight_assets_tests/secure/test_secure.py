"""The pipeline on a secured platform, each door tried by those who may enter and those who may not, and no
secret to be found anywhere.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import traceback
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import psutil
import pytest

from flight_assets.platform import launcher
from flight_assets.platform.supervision import HOME_MARK
from flight_assets.producer.publish import publish
from flight_assets.queries.cache import Query, open_cache
from flight_assets.settings import SECRETS
from flight_assets.stores import kafka
from flight_assets_tests.faults.attempts import calm_attempt
from flight_assets_tests.faults.truth import Sent, verify
from flight_assets_tests.integration.conftest import flights_with_defects, run_command, with_small_model
from flight_assets_tests.secure.attempts import as_role, hive_sql
from flight_assets_tests.secure.doors import DOORS, Door
from flight_assets_tests.told import say
from flight_assets_tests.unit.test_canaries import SNAPSHOT

pytestmark = pytest.mark.timeout(900)

EVENTS = 2_000
CHUNK_BYTES = 8 * 1024 * 1024
HTTP_TIMEOUT_S = 30
METRICS_WAIT_S = 90
API_KEY = "api_key"
# Configuration that servers take their secrets from.
HOLDERS = {"etc/spark/spark-defaults.conf", "etc/spark/hive-site.xml"}


@pytest.fixture(scope="module")
def secured(platform):
    """The settings of a running secured platform with a small model, whose runs are these tests' own.

    The pipeline's role.
    """
    return with_small_model(platform, "secure")


@pytest.fixture(scope="module")
def processed(secured) -> None:
    """A batch that the producer has sent and the pipeline has processed."""
    sent, messages = Sent(), flights_with_defects(1_000, EVENTS)
    producer = as_role("producer")
    result = publish(
        messages,
        producer.kafka_bootstrap_servers,
        producer.kafka_topic,
        security=kafka.security_options(producer),
    )
    assert result.acknowledged == EVENTS
    sent.add(messages)
    began = time.monotonic()
    outcome = calm_attempt()
    assert (outcome.problem, outcome.died) == ("", False)
    say("secure", f"{EVENTS} events, sent as producer, processed in {time.monotonic() - began:.0f} s")
    found = verify(secured, sent)
    assert found.problems == []
    say("secure", f"{found.sent} events sent, {found.lost} lost, {found.doubled} doubled")


@pytest.mark.usefixtures("processed")
def test_a_batch_reaches_every_store_and_the_counts_agree():
    counts = json.loads(run_command("flights", "counts", "--json").stdout)
    assert (counts["kafka_acknowledged"], counts["batches"]) == (EVENTS, 1)


@pytest.mark.usefixtures("processed")
def test_the_dashboards_role_is_enough_for_what_it_reads(secured):
    """The exporter asks every store and runs every service's check with it."""
    deadline = time.monotonic() + METRICS_WAIT_S
    while True:
        with urllib.request.urlopen(secured.metrics_url, timeout=HTTP_TIMEOUT_S) as reply:
            samples = re.findall(
                r"^(flights_(?:store|service)_up\{[^}]*\}) (\S+)", reply.read().decode(), re.M
            )
        down = [name for name, value in samples if value != "1.0"]
        if not down and any(name.startswith("flights_service_up") for name, _ in samples):
            break
        assert time.monotonic() < deadline, down
        time.sleep(2)
    say("secure", f"exporter as dashboard: {len(samples)} stores and services up")


@pytest.mark.usefixtures("processed")
def test_the_dashboard_keeps_its_answers_in_redis():
    query = Query("stranger", {}, version=lambda: "1", compute=lambda: pd.DataFrame({"a": [1]}))
    sources = []
    for _ in range(2):
        cache = open_cache(as_role("dashboard"))
        sources.append(cache.ask(query).source)
        assert cache.counters()["errors"] == 0
    assert sources == ["store", "redis"]


said: list[str] = []
tried: dict[bool, int] = {True: 0, False: 0}


# HDFS's native client takes its user's name from the environment, Spark's its token.
@pytest.mark.usefixtures("processed", "own_environment")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("door", DOORS, ids=str)
def test_a_door_lets_in_who_may_and_refuses_others_in_the_stores_own_words(door: Door):
    tried[bool(door.refusal)] += 1
    if not door.refusal:
        assert door.knock(door.who())
        return
    with pytest.raises(Exception) as refused:
        door.knock(door.who())
    words = "".join(traceback.format_exception(refused.value))
    said.append(words)
    assert re.search(door.refusal, words), words[-2_000:]


def test_every_store_has_doors_that_refuse_and_one_that_does_not():
    stores = {door.store for door in DOORS}
    assert (
        stores
        == {door.store for door in DOORS if door.refusal}
        == {door.store for door in DOORS if not door.refusal}
    )
    say(
        "secure",
        f"{sum(tried.values())} doors of {len(stores)} stores tried: {tried[True]} refused, {tried[False]}"
        " let in",
    )


# --- canaries


@pytest.fixture(scope="module")
def secrets(secured) -> dict[str, bytes]:
    """Each secret of the platform by its name, and the API key of this machine."""
    found = {path.name: path.read_bytes().rstrip(b"\n") for path in secured.secrets_dir.iterdir()}
    assert set(found) == {*SECRETS, API_KEY}
    assert len(set(found.values())) == len(found)
    return found


def having(secrets: dict[str, bytes], text: str | bytes) -> set[str]:
    content = text if isinstance(text, bytes) else text.encode()
    return {name for name, value in secrets.items() if value in content}


def chunks(path: Path) -> Iterator[bytes]:
    """A file in parts that overlap by more than a secret's length."""
    with path.open("rb") as stream:
        end = b""
        while part := stream.read(CHUNK_BYTES):
            yield end + part
            end = part[-100:]


def test_no_file_has_one_but_the_servers_own_configuration(secured, secrets):
    """Logs, run records, event logs and metadata, HDFS's blocks among them, and what the stores keep of their
    users.
    """
    files = [
        path for path in secured.home.rglob("*") if path.is_file() and secured.secrets_dir not in path.parents
    ]
    found = {
        str(path.relative_to(secured.home))
        for path in files
        if any(having(secrets, part) for part in chunks(path))
    }
    assert found == HOLDERS
    assert {(secured.home / name).stat().st_mode & 0o077 for name in HOLDERS} == {0}
    assert {
        path.stat().st_mode & 0o077
        for path in (secured.home, secured.secrets_dir, *secured.secrets_dir.iterdir())
    } == {0}
    say(
        "secure",
        f"{len(files)} files searched for {len(secrets)} secrets: none but in {len(HOLDERS)} that only their"
        " owner reads",
    )


def test_no_command_line_has_one(secured, secrets):
    lines = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(HOME_MARK) == str(secured.home):
                lines.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    assert len(lines) >= len(launcher.status(secured))
    assert having(secrets, "\n".join(lines)) == set()
    say("secure", f"{len(lines)} command lines without one")


@pytest.mark.parametrize(
    "command",
    ["status", "status --json", "doctor", *(f"logs {name}" for name in ("spark", "mongod", "kafka"))],
)
def test_no_command_prints_one(secrets, command):
    flights = Path(sys.executable).with_name("flights")
    done = subprocess.run(
        [flights, "--verbose", *command.split()], capture_output=True, text=True, timeout=200, check=True
    )
    shown = {API_KEY} if command == "status" else set()  # it is how the machine's user learns the key
    assert having(secrets, done.stdout + done.stderr) == shown


def test_no_refusal_has_one(secrets):
    assert len(said) == tried[True] > 0
    assert having(secrets, "\n".join(said)) == set()


def test_neither_sparks_pages_nor_its_settings_show_one(secured, secrets):
    applications = f"{secured.spark_ui_url}/api/v1/applications"
    with urllib.request.urlopen(applications, timeout=HTTP_TIMEOUT_S) as reply:
        (application,) = json.load(reply)
    shown = []
    for page in ("environment", "sql?details=true&length=1000", "jobs"):
        with urllib.request.urlopen(
            f"{applications}/{application['id']}/{page}", timeout=HTTP_TIMEOUT_S
        ) as reply:
            shown.append(reply.read())
    for page in ("connect", "sqlserver", "SQL"):
        with urllib.request.urlopen(f"{secured.spark_ui_url}/{page}/", timeout=HTTP_TIMEOUT_S) as reply:
            shown.append(reply.read())
    names = ("spark.connect.authenticate.token", "hive.server2.keystore.password")
    settings = [
        hive_sql(statement)(as_role("dashboard"))
        for statement in ("SET", "SET -v", *(f"SET {name}" for name in names))
    ]
    assert "spark.connect.authenticate.token" in str(shown[0])  # or it shows nothing
    assert having(secrets, b"".join(shown) + str(settings).encode()) == set()


@pytest.mark.usefixtures("secured")
def test_what_dagsters_pages_get_of_the_code_has_none(secrets):
    sent = subprocess.run(
        [sys.executable, "-c", SNAPSHOT], capture_output=True, text=True, timeout=120, check=True
    ).stdout
    assert '"process_flights"' in sent
    assert having(secrets, sent) == set()
