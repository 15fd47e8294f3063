"""Each pattern finds what is planted, says it in two sentences, ends it, and is quiet on quiet days."""

import re
from random import Random

import pytest

from flight_assets.events.engine import Engine
from flight_assets.events.measure import false_alarms, scores
from flight_assets.events.model import HOUR, MINUTE, SEVERITIES, Event
from flight_assets.events.patterns import PATTERNS
from flight_assets.events.planted import DAY, FIRST_DAY, events_of_day, made_day
from flight_assets.events.plants import PLANTS
from flight_assets.events.statistics import binomial_at_least, poisson_at_most

NAMES = [pattern.name for pattern in PATTERNS]


@pytest.fixture(scope="module")
def measured():
    """Score of each pattern at its default parameters, on one planted day."""
    return {score.pattern: score for score in scores(1, seed=2, only_defaults=True)}


def test_every_pattern_is_declared_whole_and_planted():
    assert len(set(NAMES)) == len(NAMES)
    assert set(PLANTS) == set(NAMES)
    for pattern in PATTERNS:
        assert pattern.meaning
        assert pattern.clears
        assert pattern.inputs
        assert pattern.severity in SEVERITIES
        assert all(each.unit and each.meaning for each in pattern.parameters)
    with pytest.raises(ValueError, match="overdue has no parameter nonsense"):
        next(each for each in PATTERNS if each.name == "overdue").values({"nonsense": 1})


@pytest.mark.parametrize("name", NAMES)
def test_planted_ones_are_found_and_little_else(name, measured):
    assert measured[name].planted
    assert measured[name].recall >= 0.95
    assert measured[name].precision >= 0.95


def test_quiet_days_have_no_false_alarm():
    assert sum(false_alarms(1, seed=3).values()) == 0


@pytest.fixture(scope="module")
def quiet_days():
    """Events of the day before the planted one, and of the day after it."""
    return [events_of_day(made_day(4, day, aircraft=800)) for day in (-1, 1)]


@pytest.mark.parametrize("name", NAMES)
def test_a_finding_explains_itself_in_two_sentences_with_numbers_and_ends(name, quiet_days):
    day = made_day(4, 0, aircraft=800)
    before, quiet = quiet_days
    PLANTS[name][0](day)
    engine = Engine([pattern for pattern in PATTERNS if pattern.name in (name, "ground_stop")])
    changes = engine.feed([*before, *events_of_day(day), *quiet], FIRST_DAY + 2 * DAY + HOUR)
    mine = [change for change in changes if change.finding.pattern == name]
    assert mine
    for change in mine:
        found = change.finding
        assert re.search(r"\d", found.explanation)
        assert len(re.findall(r"[.](?= [A-Z]|$)", found.explanation)) == 2, found.explanation
        assert found.start <= found.raised <= found.updated
        assert found.numbers
    raised = {change.finding.finding_id for change in mine if change.kind == "raised"}
    cleared = {change.finding.finding_id for change in mine if change.kind == "cleared"}
    late = {
        each.finding_id for each in engine.state.open.get(name, {}).values() if each.raised > FIRST_DAY + DAY
    }
    assert raised - late == cleared
    assert engine.state.failures == {}


def test_a_test_on_counts_keeps_its_false_alarm_rate():
    random = Random(1)  # noqa: S311
    for expected, alpha in ((12.0, 0.01), (30.0, 0.01), (30.0, 0.05)):
        alarms = sum(
            poisson_at_most(sum(random.random() < expected / 500 for _ in range(500)), expected) <= alpha
            for _ in range(2_000)
        )
        assert alarms <= 2_000 * alpha * 1.3


def test_tails_are_those_of_the_distributions():
    from scipy.stats import binom, poisson

    for count, expected in ((0, 9.2), (4, 20.0), (31, 30.0)):
        assert poisson_at_most(count, expected) == pytest.approx(poisson.cdf(count, expected))
    for count, trials, share in ((5, 40, 0.02), (3, 15, 0.0025), (40, 200, 0.1)):
        assert binomial_at_least(count, trials, share) == pytest.approx(binom.sf(count - 1, trials, share))
    assert binomial_at_least(0, 10, 0.1) == 1.0
    assert binomial_at_least(11, 10, 0.1) == 0.0


def flight(kind, at, name="F1", departure=2 * HOUR, tail="N1", origin="EWR", destination="ORD", **fields):
    order = ((FIRST_DAY + at) * 1_000_000, (FIRST_DAY + at + 1) * 1_000_000, 0, at)
    plan = {"planned_departure": FIRST_DAY + departure, "planned_arrival": FIRST_DAY + departure + HOUR}
    return Event(order, kind, name, "UA", origin, destination, tail=tail, **plan | fields)


def found(events, until):
    changes = Engine(PATTERNS).feed(events, FIRST_DAY + until)
    return [(change.kind, change.finding.pattern, change.at - FIRST_DAY) for change in changes]


def test_overdue_waits_for_plan_and_forecast_and_ends_with_the_event():
    announced = flight("scheduled", 0, predicted_delay=30.0)
    assert found([announced], 4 * HOUR + 29 * MINUTE) == []
    gone = flight("departed", 5 * HOUR, departure_delay=180.0)
    assert found([announced, gone], 5 * HOUR + 10) == [
        ("raised", "overdue", 4 * HOUR + 30 * MINUTE),
        ("cleared", "overdue", 5 * HOUR),
    ]


def test_an_overdue_flight_is_stale_in_the_end():
    kinds = found([flight("scheduled", 0)], 30 * HOUR)
    assert kinds == [("raised", "overdue", 4 * HOUR), ("cleared", "overdue", 16 * HOUR)]


def test_an_event_out_of_order_within_the_grace_is_no_conflict():
    events = [
        flight("scheduled", 0),
        flight("arrived", 3 * HOUR, arrival_delay=0.0),
        flight("departed", 2 * HOUR, departure_delay=0.0),
    ]
    late = events[2].order[0], events[1].order[1] + 60_000_000, 0, 9
    import msgspec

    assert found([*events[:2], msgspec.structs.replace(events[2], order=late)], 4 * HOUR) == []
    assert ("raised", "conflict", 3 * HOUR + 1 + 10 * MINUTE) in [
        (kind, name, at + 1) for kind, name, at in found(events[:2], 4 * HOUR)
    ]
