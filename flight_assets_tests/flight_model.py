"""Lives of flights as Hypothesis draws them, and a plain model of what is true of them (promise P8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st

BATCHES, PARTITIONS = 4, 2
# The minutes after the planned departure at which an event of each kind may happen: few, so that many happen
# at once.
MINUTES = {
    "scheduled": (-180, -60, 0),
    "cancelled": (-60, 0, 60, 270),
    "departed": (0, 60),
    "diverted": (60, 200, 270),
    "arrived": (200, 270, 330),
}
AIRPORTS = ("IAH", "AUS", "DFW")
LANDINGS = ("diverted", "arrived")


@dataclass(frozen=True)
class Step:
    """One event of a flight.

    ``repeats``: it has the event_id of the step before, so that only the first taken counts.
    """

    kind: str
    minute: int
    delay: float
    destination: str
    diverted_to: str | None
    partition: int
    batch: int
    repeats: bool


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """Return any event that the contract takes."""
    kind = draw(st.sampled_from(list(MINUTES)))
    return Step(
        kind=kind,
        minute=draw(st.sampled_from(MINUTES[kind])),
        delay=float(draw(st.integers(-30, 60))),
        destination=draw(st.sampled_from(AIRPORTS)),
        diverted_to=draw(st.sampled_from(AIRPORTS)) if kind == "diverted" else None,
        partition=draw(st.integers(0, PARTITIONS - 1)),
        batch=draw(st.integers(0, BATCHES - 1)),
        repeats=draw(st.sampled_from((False, False, False, True))),
    )


LIVES = st.lists(steps(), min_size=1, max_size=7)


def drawn_lives(count: int, number: int) -> list[list[Step]]:
    """Return so many lives of flights, the same ones for the same number."""
    found: list[list[Step]] = []

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    @given(LIVES)
    def collect(life: list[Step]) -> None:
        found.append(life)

    collect()
    return found


@dataclass(frozen=True)
class Turn:
    """Happenings about a batch: a kill in its run, then an archive or a restore of all flights.

    ``victim``: a service or the run itself; None without a kill, which else strikes at a phase of a step.
    ``dies_at``: an archive ends in this state as by a crash, and the next one finishes it.
    """

    victim: str | None
    step: int
    phase: int
    cold: str
    dies_at: str | None


NOTHING, ARCHIVE, RESTORE = COLD = ("nothing", "archive", "restore")


def drawn_turns(
    victims: Sequence[str], steps: int, phases: int, states: Sequence[str], number: int
) -> list[Turn]:
    """Return a turn for each batch: at least one kill, and an archive before the last batch.

    The same ones for the same number.
    """
    turn = st.builds(
        Turn,
        victim=st.sampled_from((None, *victims)),
        step=st.integers(0, steps - 1),
        phase=st.integers(0, phases - 1),
        cold=st.sampled_from(COLD),
        dies_at=st.sampled_from((None, *states)),
    )
    found: list[list[Turn]] = []

    @seed(number)
    @settings(
        max_examples=20,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    @given(st.lists(turn, min_size=BATCHES, max_size=BATCHES))
    def collect(turns: list[Turn]) -> None:
        assume(any(each.victim for each in turns))
        assume(any(each.cold == ARCHIVE and each.dies_at is None for each in turns[:-1]))
        found.append(turns)

    collect()
    return found[-1]


@dataclass(frozen=True)
class Truth:
    """Facts that every store must state of a flight."""

    event_id: str
    destination: str
    diverted_to: str | None
    outcome: str | None
    actual: float | None
    is_predicted: bool


def truth(events: list[dict[str, Any]]) -> Truth:
    """Return what is true of a flight.

    ``events``: the fields of all its messages, and the place of each in Kafka and in batches.
    """
    taken: dict[str, dict[str, Any]] = {}
    for event in sorted(
        events, key=lambda each: (each["batch"], each["took"], each["partition"], each["offset"])
    ):
        taken.setdefault(event["event_id"], event)
    first = next(iter(taken.values()))
    ordered = sorted(
        taken.values(), key=lambda each: (each["happened"], each["took"], each["partition"], each["offset"])
    )
    newest = ordered[-1]
    planned = [each["destination"] for each in ordered if each["kind"] not in LANDINGS]
    goal = planned[-1] if planned else newest["destination"]
    landed = (newest["diverted_to"] or newest["destination"]) if newest["kind"] in LANDINGS else goal
    ends = newest["kind"] if newest["kind"] in ("arrived", "cancelled") else None
    outcome = "diverted" if newest["kind"] == "diverted" or landed != goal else ends
    return Truth(
        event_id=newest["event_id"],
        destination=goal,
        diverted_to=None if landed == goal else landed,
        outcome=outcome,
        actual=newest["delay"] if outcome == "arrived" else None,
        is_predicted=first["kind"] == "scheduled",
    )
