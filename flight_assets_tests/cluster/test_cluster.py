"""The pipeline on the cluster profile: the same promises as on one process of each kind, and then one of each
kind killed with -9.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
import urllib.request

import pytest

from flight_assets.platform import launcher
from flight_assets.producer.publish import PublishResult, publish
from flight_assets.settings import member
from flight_assets_tests.faults import victims
from flight_assets_tests.faults.attempts import BEFORE, DURING, RUN, Fault, attempt, calm_attempt
from flight_assets_tests.faults.truth import Sent, verify
from flight_assets_tests.integration.conftest import BIN, flights_with_defects, with_small_model
from flight_assets_tests.told import say

pytestmark = pytest.mark.timeout(900)

EVENTS = 3_000
EVENTS_A_FAULT = 600
RATE_PER_S = 100.0
CALM_ATTEMPTS = 8
PAUSE_S = 2.0
HTTP_TIMEOUT_S = 20


@pytest.fixture(scope="module")
def cluster(platform):
    """The settings of a running cluster with a small model, whose runs are these tests' own."""
    return with_small_model(platform, "cluster")


@pytest.fixture(scope="module")
def sent() -> Sent:
    return Sent()


def send(settings, sent: Sent, seed: int, count: int, rate_per_s: float = 0.0) -> PublishResult:
    """Every message must be acknowledged."""
    messages = flights_with_defects(seed, count)
    result = publish(messages, settings.kafka_bootstrap_servers, settings.kafka_topic, rate_per_s)
    assert result.acknowledged == count
    sent.add(messages)
    return result


def process(wait_s: float = 300.0) -> int:
    """Run the pipeline until a run succeeds; how many it took."""
    deadline = time.monotonic() + wait_s
    for number in range(1, CALM_ATTEMPTS + 1):
        outcome = calm_attempt()
        if not outcome.problem and not outcome.died:
            return number
        say("cluster", f"run {number}: {outcome.problem or 'died'}")
        assert time.monotonic() < deadline, outcome.problem
        time.sleep(PAUSE_S)
    pytest.fail(f"none of {CALM_ATTEMPTS} runs succeeded")


def holds(settings, sent: Sent) -> None:
    """P1, P2 and P4 in every store, message by message."""
    found = verify(settings, sent)
    assert found.problems == []
    say("cluster", f"{found.sent} events sent, {found.lost} lost, {found.doubled} doubled")


def get(url: str):
    with urllib.request.urlopen(url, timeout=HTTP_TIMEOUT_S) as reply:
        return json.load(reply)


def batches(settings) -> int:
    done = subprocess.run(
        [BIN / "flights", "counts", "--json"], capture_output=True, text=True, timeout=300, check=True
    )
    return json.loads(done.stdout)["batches"]


def test_the_profile_is_a_cluster(cluster):
    running = {row.name for row in launcher.status(cluster) if row.state == "running"}
    several = ("kafka", "datanode", "mongod")
    assert running >= {f"{kind}{suffix}" for kind in several for suffix in ("", "-2", "-3")} | {
        "spark-worker",
        "spark-worker-2",
        "postgres",
    }


def test_a_batch_reaches_every_store_and_both_workers_take_part(cluster, sent):
    send(cluster, sent, 1_000, EVENTS)
    began = time.monotonic()
    process()
    say("cluster", f"{EVENTS} events processed in {time.monotonic() - began:.0f} s")
    holds(cluster, sent)
    application = get(f"{cluster.spark_ui_url}/api/v1/applications")[0]["id"]
    tasks = {
        row["id"]: row["completedTasks"]
        for row in get(f"{cluster.spark_ui_url}/api/v1/applications/{application}/executors")
    }
    by_worker = {}
    for number in range(1, cluster.count("spark-worker") + 1):
        worker = get(f"http://{cluster.address('spark_worker_http', number)}/json/")
        by_worker[number] = sum(tasks.get(str(executor["id"]), 0) for executor in worker["executors"])
    say("cluster", f"completed tasks by worker: {by_worker}")
    assert min(by_worker.values()) > 0
    assert tasks["driver"] == 0


def partitions(settings) -> list[dict]:
    """Kafka's description of the flight topic's partitions, by their numbers."""
    from kafka import KafkaAdminClient

    admin = KafkaAdminClient(
        bootstrap_servers=settings.kafka_bootstrap_servers, request_timeout_ms=HTTP_TIMEOUT_S * 1_000
    )
    try:
        (topic,) = admin.describe_topics([settings.kafka_topic])
    finally:
        admin.close()
    return sorted(topic["partitions"], key=lambda partition: partition["partition_index"])


def test_messages_and_files_have_their_copies(cluster):
    assert [len(partition["replica_nodes"]) for partition in partitions(cluster)] == [3, 3, 3]
    files = get(f"{cluster.hdfs_http_url}/webhdfs/v1/metadata?op=LISTSTATUS")["FileStatuses"]["FileStatus"]
    assert {row["replication"] for row in files if row["type"] == "FILE"} == {3}


def test_nothing_new_writes_nothing_and_a_run_that_died_is_finished_first(cluster, sent):
    before = batches(cluster)
    process()
    assert batches(cluster) == before
    send(cluster, sent, 1_100, EVENTS_A_FAULT)
    struck: list[Fault] = []
    attempt([Fault(RUN, "staged_events", BEFORE, 0.0)], victims.kill, struck)
    assert struck
    send(cluster, sent, 1_200, EVENTS_A_FAULT)
    process()
    assert batches(cluster) == before + 2
    holds(cluster, sent)


def test_two_runs_at_once_take_turns(cluster, sent):
    before = batches(cluster)
    send(cluster, sent, 1_300, EVENTS_A_FAULT)
    runs = [
        subprocess.Popen([BIN / "flights", "process"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    assert [(run.communicate(timeout=600)[1], run.returncode)[1] for run in runs] == [0, 0]
    assert batches(cluster) == before + 1
    holds(cluster, sent)


def leader(settings) -> str:
    """The broker that leads partition 0 of the flight topic."""
    return member("kafka", partitions(settings)[0]["leader_id"])


def primary(settings) -> str:
    """The mongod that takes the writes."""
    from pymongo import MongoClient

    with MongoClient(settings.mongo_uri, serverSelectionTimeoutMS=HTTP_TIMEOUT_S * 1_000) as client:
        client.admin.command("ping")
        assert client.primary is not None
        host, port = client.primary
    return member("mongod", settings.addresses("mongod").index(f"{host}:{port}") + 1)


def test_a_broker_that_leads_is_killed_while_events_are_sent(cluster, sent):
    victim = leader(cluster)
    killed: list[float] = []

    def strike() -> None:
        killed.append(time.monotonic())
        victims.kill(cluster, victim)

    timer = threading.Timer(1.0, strike)
    timer.start()
    send(cluster, sent, 1_400, EVENTS_A_FAULT, RATE_PER_S)
    timer.join()
    acknowledged_s = time.monotonic() - killed[0]
    assert leader(cluster) != victim
    runs = process()
    processed_s = time.monotonic() - killed[0]
    victims.wait_for(cluster, {victim})
    say(
        "cluster",
        f"{victim}, leader, killed: all acknowledged after {acknowledged_s:.0f} s, processed after"
        f" {processed_s:.0f} s in {runs} runs",
    )
    holds(cluster, sent)


@pytest.mark.parametrize(
    ("kind", "step", "seed"),
    [
        ("spark-worker-2", "predictions", 1_500),
        ("datanode-2", "staged_events", 1_600),
        ("mongod primary", "mongo_hot", 1_700),
    ],
)
def test_one_is_killed_in_the_middle_of_a_batch(cluster, sent, kind, step, seed):
    victim = primary(cluster) if kind == "mongod primary" else kind
    send(cluster, sent, seed, EVENTS_A_FAULT)
    killed: list[float] = []
    struck: list[Fault] = []

    def strike(name: str) -> None:
        killed.append(time.monotonic())
        victims.kill(cluster, name)

    outcome = attempt([Fault(victim, step, DURING, 0.3)], strike, struck)
    assert struck, "the batch was through before the fault"
    runs = 1 if not outcome.problem else 1 + process()
    processed_s = time.monotonic() - killed[0]
    victims.wait_for(cluster, {victim})
    back_s = time.monotonic() - killed[0]
    say(
        "cluster",
        f"{victim} killed during {step}: processed after {processed_s:.0f} s in {runs} runs, back after"
        f" {back_s:.0f} s; {outcome.problem}",
    )
    if kind == "mongod primary":
        say("cluster", f"the primary was {victim}, is {primary(cluster)}")
    holds(cluster, sent)
