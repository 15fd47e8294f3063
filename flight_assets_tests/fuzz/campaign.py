"""A campaign: traffic, live processing, runs and kills at once; then every store is judged."""

from __future__ import annotations

import math
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flight_assets.platform import launcher
from flight_assets.provenance import STEPS, Ledger
from flight_assets.stores import kafka
from flight_assets.stores.hdfs import Hdfs
from flight_assets_tests.archiving import Cold
from flight_assets_tests.faults import victims
from flight_assets_tests.faults.attempts import ANY_MOMENT, DURING, PHASES, RUN, Fault, attempt
from flight_assets_tests.faults.campaign import LONGEST_DELAY_S, Result, process_until_done
from flight_assets_tests.fuzz.events import Pool
from flight_assets_tests.fuzz.judge import judge
from flight_assets_tests.fuzz.traffic import Traffic

if TYPE_CHECKING:
    from flight_assets.settings import Settings
    from flight_assets.stores.warehouse import Warehouse

SAMPLED_EVERY_S = 5.0
# The traffic waits while more messages than this have been sent and not yet landed.
BACKLOG = 150_000
# Resident memory beyond a Java heap: code, threads, buffers, and the Python workers of Spark.
BESIDES_HEAP_MB = {"kafka": 500, "namenode": 450, "datanode": 450, "metastore": 500, "spark": 2_600}
OTHER_MB = {
    "mongod": 900, "redis": 300, "live": 900, "dagster-code": 1_500, "dagster-daemon": 700,
    "dagster-webserver": 900,
    "metrics": 500, "dashboard": 900, "api": 900,
}  # fmt: skip


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def own_pool(settings: Settings, numbers: int, days: int) -> Pool:
    """Return flights of an airline of their own, so that a platform that is kept can be fuzzed again."""
    number = sum(kafka.end_offsets(settings).values()) % len(LETTERS) ** 2
    return Pool(LETTERS[number // len(LETTERS)] + LETTERS[number % len(LETTERS)], numbers, days)


def ceilings_mb(settings: Settings) -> dict[str, int]:
    """Return the most resident memory that each service may take, MB."""
    heaps = {
        "kafka": settings.kafka_heap_mb, "namenode": settings.hdfs_heap_mb, "datanode": settings.hdfs_heap_mb,
        "metastore": settings.metastore_heap_mb, "spark": settings.spark_heap_mb,
    }  # fmt: skip
    return {name: heap + BESIDES_HEAP_MB[name] for name, heap in heaps.items()} | OTHER_MB


@dataclass
class Report:
    """Figures of a campaign. ``failures`` are sentences; none if every promise held."""

    seed: int
    seconds: float = 0.0
    sent: Counter[str] = field(default_factory=Counter)
    packed: Counter[str] = field(default_factory=Counter)
    transactions: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    archives: Counter[str] = field(default_factory=Counter)
    landed: int = 0
    runs: int = 0
    resident_mb: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return the report as text."""
        found = [f"{count:>10,} {kind}" for kind, count in self.sent.most_common()]
        for name in ("packed", "transactions", "refused", "kills", "archives"):
            found.append(f"{name}: {dict(sorted(getattr(self, name).items()))}")
        found.append(f"most resident memory, MB: {dict(sorted(self.resident_mb.items()))}")
        found += [f"FAILED seed {self.seed}: {line}" for line in self.failures]
        found.append(
            f"seed {self.seed}: {self.sent.total():,} messages sent, {self.landed:,} landed "
            f"in {self.seconds:.0f} s ({self.landed / max(1.0, self.seconds):,.0f}/s), {self.runs} runs, "
            f"{self.kills.total()} kills, {len(self.failures)} failures"
        )
        return found


def run(
    settings: Settings,
    house: Callable[[], Warehouse],
    pool: Pool,
    seed: int,
    seconds: float,
    faults: Iterable[Fault | None],
    say: Callable[[str], None],
    of_each_run: float = math.inf,
    archive_share: float = 0.0,
) -> Report:
    """Send and process for so long, or until all these faults have struck; then process the rest, and judge.

    ``house``: opens the warehouse. ``of_each_run``: about so many messages are sent for each fault, half of
    them before its run, so that the run has work to be struck in. ``archive_share``: share of the runs after
    which all that is hot is archived, or all that is archived comes back.
    """
    report = Report(seed)
    process_until_done(settings, Result())  # what earlier tests have left is not judged
    starts = kafka.end_offsets(settings)
    ledger = Ledger(Hdfs(settings))
    traffic = Traffic(settings, seed, pool, len(starts))
    cold = Cold(settings, house, seed, archive_share)
    began = time.monotonic()
    with _sampled(settings, report), _sending(traffic) as may_send:
        for number, fault in enumerate(faults, 1):
            traffic.most = number * of_each_run
            while of_each_run < math.inf and traffic.sent.total() < traffic.most - of_each_run / 2:
                time.sleep(0.1)
            _strike_once(settings, report, fault, say)
            cold.turn()
            landed = _landed(ledger, starts)
            (may_send.set if traffic.sent.total() - landed < BACKLOG else may_send.clear)()
            if time.monotonic() - began > seconds:
                break
    victims.wait_for(settings)
    # The second run takes back what live processing wrote meanwhile and no batch has staged.
    for _ in range(2):
        process_until_done(settings, Result())
    report.seconds = time.monotonic() - began
    report.landed = _landed(ledger, starts)
    report.sent, report.packed, report.transactions, report.refused = (
        traffic.sent, traffic.packed, traffic.ended, traffic.refused,
    )  # fmt: skip
    report.archives = cold.done
    report.failures += judge(settings, house(), starts)
    report.failures += _over_ceilings(settings, report.resident_mb)
    return report


def _over_ceilings(settings: Settings, resident_mb: dict[str, int]) -> list[str]:
    limits = ceilings_mb(settings)
    return [
        f"{name} took {found} MB of memory, {limits[name]} are allowed"
        for name, found in resident_mb.items()
        if name in limits and found > limits[name]
    ]


def _strike_once(settings: Settings, report: Report, fault: Fault | None, say: Callable[[str], None]) -> None:
    """One run of the pipeline, with the next fault; then everything is up again."""
    planned, struck = [fault] if fault else [], list[Fault]()
    outcome = attempt(planned, lambda name: victims.kill(settings, name), struck)
    report.runs += 1
    report.kills.update(fault.victim for fault in struck)
    if outcome.problem and not struck:
        report.failures.append(f"a run without a fault failed: {outcome.problem}")
    if struck:
        ended = outcome.problem or ("the run died" if outcome.died else "the run went on")
        say(f"{'; '.join(map(str, struck))}: {ended}")
        victims.wait_for(settings)


def plan(seed: int, share: float) -> Iterator[Fault | None]:
    """Yield a fault, or None for a run without one: victims at any moment or at a phase of a step."""
    chance = random.Random(f"fuzz faults {seed}")  # noqa: S311 - a seed, no secret
    while True:
        if chance.random() >= share:
            yield None
            continue
        victim, delay_s = chance.choice((*victims.SERVICES, RUN, RUN)), chance.uniform(0, LONGEST_DELAY_S)
        if chance.random() < 0.5:
            yield Fault(victim, ANY_MOMENT, DURING, 3 * delay_s)
        else:
            phase = chance.choice(PHASES)
            yield Fault(victim, chance.choice(STEPS), phase, delay_s if phase == DURING else 0.0)


def _landed(ledger: Ledger, starts: dict[int, int]) -> int:
    return sum(ledger.next_offsets().values()) - sum(starts.values())


@contextmanager
def _sending(traffic: Traffic) -> Iterator[threading.Event]:
    stop, may_send = threading.Event(), threading.Event()
    may_send.set()
    sender = threading.Thread(target=traffic.run, args=(stop, may_send), name="traffic")
    sender.start()
    try:
        yield may_send
    finally:
        stop.set()
        sender.join()


@contextmanager
def _sampled(settings: Settings, report: Report) -> Iterator[None]:
    """Note the most resident memory of each service meanwhile."""
    stop = threading.Event()

    def sample() -> None:
        while not stop.wait(SAMPLED_EVERY_S):
            for row in launcher.status(settings):
                report.resident_mb[row.name] = max(report.resident_mb.get(row.name, 0), row.rss_mb)

    sampler = threading.Thread(target=sample, name="memory")
    sampler.start()
    try:
        yield
    finally:
        stop.set()
        sampler.join()
