"""Seeded faults in rounds: send, process while things are killed, bring all back, process once more, verify
every store.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from flight_assets.producer.corrupt import mixed_messages
from flight_assets.producer.events import Message
from flight_assets.producer.publish import publish
from flight_assets.producer.synthetic import synthetic_messages
from flight_assets.provenance import STEPS
from flight_assets.settings import Settings
from flight_assets_tests.faults import victims
from flight_assets_tests.faults.attempts import ANY_MOMENT, DURING, PHASES, RUN, Fault, attempt, calm_attempt
from flight_assets_tests.faults.truth import Findings, Sent, verify

ANCHOR = datetime(2026, 7, 1, 12, tzinfo=UTC)
MESSAGES_A_ROUND = 60
BAD_SHARE = 0.15
# Synthetic flights of seeds under 15 apart differ; of others they may be the same flights again, which is as
# good a case.
LONGEST_DELAY_S = 4.0
CALM_ATTEMPTS = 3
MOST_FAILURES = 10


@dataclass
class Result:
    """Figures of a campaign. ``survived`` counts the faults of rounds after which every store was right."""

    faults: int = 0
    survived: int = 0
    attempts: int = 0
    findings: Findings | None = None
    failures: list[str] = field(default_factory=list)
    by_victim: dict[str, int] = field(default_factory=dict)

    def summary(self) -> str:
        """The figures in one line."""
        found = self.findings
        told = (
            f"{found.sent} events sent, {found.lost} lost, {found.doubled} doubled"
            if found
            else "nothing verified"
        )
        return f"{self.survived} of {self.faults} faults survived in {self.attempts} runs; {told}"


def plan(seed: int, names: tuple[str, ...] = (*victims.SERVICES, RUN)) -> Iterator[list[Fault]]:
    """Rounds of one fault per step, without end: every victim at every phase of every step, then victims at
    any moment of a run.
    """
    chance = random.Random(f"faults {seed}")  # noqa: S311 - a seed, no secret
    yield from _matrix(chance, names)
    while True:
        yield [
            Fault(chance.choice(names), ANY_MOMENT, DURING, chance.uniform(0, 3 * LONGEST_DELAY_S))
            for _ in STEPS
        ]


def _matrix(chance: random.Random, names: tuple[str, ...]) -> Iterator[list[Fault]]:
    columns = []
    for step in STEPS:
        cells = [
            Fault(victim, step, phase, chance.uniform(0, LONGEST_DELAY_S) if phase == DURING else 0.0)
            for victim, phase in itertools.product(names, PHASES)
        ]
        columns.append(chance.sample(cells, len(cells)))
    for row in zip(*columns, strict=True):
        yield list(row)


def messages_of_round(seed: int, number: int) -> list[Message]:
    """The messages of a round, bad ones among them; the same for the same seed and round."""
    content = 10_000 * seed + number
    return list(
        mixed_messages(
            lambda good: synthetic_messages(content, good, ANCHOR), MESSAGES_A_ROUND, BAD_SHARE, content
        )
    )


def run(
    settings: Settings,
    sent: Sent,
    rounds: Iterable[list[Fault]],
    seed: int,
    kills: int,
    say: Callable[[str], None],
) -> Result:
    """Play rounds until so many faults have struck.

    A round that goes wrong is told with its seed and faults, and the next begins.
    """
    result = Result()
    for number, faults in enumerate(rounds):
        began = time.monotonic()
        struck: list[Fault] = []
        try:
            result.findings = play(
                settings, sent, messages_of_round(seed, number), list(faults), struck, result
            )
            problems = result.findings.problems
        except Exception as error:  # a campaign of hours reports a broken round and goes on
            problems = [f"{type(error).__name__}: {error}"]
            victims.wait_for(settings)
        result.faults += len(struck)
        for fault in struck:
            result.by_victim[fault.victim] = result.by_victim.get(fault.victim, 0) + 1
        say(f"seed {seed} round {number}: {'; '.join(map(str, struck))}: {'; '.join(problems) or 'survived'}")
        if problems:
            result.failures.append(f"seed {seed} round {number}: {'; '.join(problems)}")
        else:
            result.survived += len(struck)
        say(f"{time.monotonic() - began:.0f} s; so far {result.summary()}")
        if result.faults >= kills or len(result.failures) > MOST_FAILURES:
            break
    return result


def play(
    settings: Settings,
    sent: Sent,
    messages: list[Message],
    faults: list[Fault],
    struck: list[Fault],
    result: Result,
) -> Findings:
    """One round: adds the faults that strike to ``struck``, and returns what the stores hold after it."""
    acknowledged = publish(messages, settings.kafka_bootstrap_servers, settings.kafka_topic).acknowledged
    if acknowledged != len(messages):
        raise RuntimeError(f"Kafka acknowledged {acknowledged} of {len(messages)} messages")
    sent.add(messages)
    while faults:
        before = len(struck)
        outcome = attempt(faults, lambda name: victims.kill(settings, name), struck)
        result.attempts += 1
        victims.wait_for(settings, {fault.victim for fault in struck[before:]})
        if len(struck) == before and not (outcome.died or outcome.problem):
            break  # the batch is through: the rest has nothing to strike at
    process_until_done(settings, result)
    return verify(settings, sent)


def process_until_done(settings: Settings, result: Result) -> None:
    """The next run. One run may still meet a store that the last kill has left half awake; three never do."""
    problems = []
    for _ in range(CALM_ATTEMPTS):
        outcome = calm_attempt()
        result.attempts += 1
        if not outcome.died and not outcome.problem:
            return
        problems.append(outcome.problem or "the process died")
        victims.wait_for(settings)
    raise RuntimeError(f"the runs after the faults failed: {problems}")
