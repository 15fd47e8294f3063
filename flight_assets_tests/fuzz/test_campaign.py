"""A short part of `make fuzz`: messages of every kind, live processing, a few kills."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from functools import partial

import pytest

from flight_assets.archive.record import Archives
from flight_assets.pipeline.live.process import process_live
from flight_assets.provenance import STEPS
from flight_assets.settings import get_settings
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.warehouse import open_warehouse
from flight_assets_tests import forked
from flight_assets_tests.archiving import restore_all
from flight_assets_tests.faults.attempts import DURING, RUN, Fault
from flight_assets_tests.fuzz import campaign
from flight_assets_tests.fuzz.content import KINDS
from flight_assets_tests.fuzz.traffic import CODECS
from flight_assets_tests.told import say

pytestmark = pytest.mark.timeout(1_200)
SEED = 81
MESSAGES = 20_000  # in all
FAULTS = [
    None,
    Fault("kafka", STEPS[0], DURING, 0.3),
    Fault("mongod", STEPS[3], DURING, 0.2),
    Fault(RUN, STEPS[4], DURING, 0.5),
]


@pytest.fixture
def live(target) -> Iterator[None]:
    """Live processing in a process of its own; what it says is printed."""
    process = forked.process(process_live_until_killed)
    process.start()
    yield
    process.kill()
    process.join()


def process_live_until_killed() -> None:
    process_live(get_settings(), threading.Event(), print)


@pytest.fixture
def target(quiet_platform, small_model):
    return quiet_platform


@pytest.fixture
def kept_hot(target) -> Iterator[None]:
    """Bring back afterwards what was archived, for the tests that follow."""
    newest = max(Archives(Hdfs(target)).ids(), default="")
    yield
    restore_all(target, lambda: open_warehouse(target), newest)


@pytest.mark.usefixtures("live", "kept_hot")
def test_fuzzed_messages_in_every_codec_and_kills_leave_every_store_right(target) -> None:
    pool = campaign.own_pool(target, numbers=6, days=20)
    report = campaign.run(
        target,
        lambda: open_warehouse(target),
        pool,
        SEED,
        math.inf,
        FAULTS,
        partial(say, "fuzz"),
        MESSAGES / len(FAULTS),
        archive_share=1.0,
    )
    for line in report.lines():
        say("fuzz", line)
    assert report.failures == []
    assert report.kills.total() >= 1
    assert report.archives["archived"] >= 1
    assert report.archives["documents"] >= 1
    assert set(report.packed) == set(CODECS)
    assert set(report.sent) >= set(KINDS) - {"many names", "large"}
    assert report.landed > MESSAGES / 2


def test_a_seed_gives_the_same_faults_and_another_seed_others() -> None:
    once, again, other = (
        [next(plan) for _ in range(40)] for plan in (campaign.plan(seed, 0.5) for seed in (3, 3, 4))
    )
    assert once == again
    assert once != other
    assert 0 < sum(fault is None for fault in once) < 40
