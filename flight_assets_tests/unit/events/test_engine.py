"""Findings depend on the events alone: not on batches, restarts or the order of feeding within a tick."""

from random import Random

import msgspec
import pytest

from flight_assets.events.book import LEGS_AT_MOST
from flight_assets.events.engine import TICK_S, Engine
from flight_assets.events.model import HOUR, Clear, Event, Pattern, Raise, Wake
from flight_assets.events.patterns import PATTERNS
from flight_assets.events.planted import DAY, FIRST_DAY, events_of_day, made_day
from flight_assets.events.plants import PLANTS

END = FIRST_DAY + DAY + HOUR


def planted_events():
    day = made_day(5, 0, aircraft=16)
    PLANTS["reactionary_chain"][0](day)
    PLANTS["overdue"][0](day)
    PLANTS["conflict"][0](day)
    return events_of_day(day)


def told(changes):
    return [msgspec.json.encode(change) for change in changes]


@pytest.mark.parametrize(
    "seeds", [range(10), pytest.param(range(10, 100), marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_any_batches_and_kills_give_the_same_findings(seeds):
    events = planted_events()
    expected = told(Engine(PATTERNS).feed(events, END))
    assert len(expected) > 30
    for seed in seeds:
        random = Random(seed)  # noqa: S311
        engine, found, rest = Engine(PATTERNS), [], sorted(events, key=lambda each: each.order[1])
        for _ in range(random.randrange(1, 7)):
            size = random.randrange(0, len(rest) + 1)
            some, rest = rest[:size], rest[size:]
            now = rest[0].taken if rest else END
            saved = engine.snapshot()
            changes = engine.feed(random.sample(some, len(some)), now)
            if random.random() < 0.4:  # killed before the state was saved: the batch comes again
                engine = Engine.restored(saved, PATTERNS)
                changes = engine.feed(some, now)
            if random.random() < 0.4:
                engine = Engine.restored(engine.snapshot(), PATTERNS)
            found += changes
        found += engine.feed(rest, END)
        assert told(found) == expected, seed
        assert engine.state.late == 0


def event(kind="scheduled", at=FIRST_DAY, flight="F1", taken=None, **fields):
    order = (at * 1_000_000, (taken or at + 1) * 1_000_000, 0, at)
    plan = {"planned_departure": FIRST_DAY + HOUR, "planned_arrival": FIRST_DAY + 2 * HOUR} | fields
    return Event(order, kind, flight, "UA", "EWR", "ORD", **plan)


def recorder(name="own", **functions):
    return Pattern(name, "", "info", (), (), "", **functions)


def test_absence_is_found_by_the_clock_of_a_live_feed_without_a_next_message():
    engine = Engine(PATTERNS)
    assert engine.feed([event()], FIRST_DAY + 10) == []
    changes = engine.feed([], FIRST_DAY + 4 * HOUR)
    assert [(each.kind, each.finding.pattern, each.at) for each in changes] == [
        ("raised", "overdue", FIRST_DAY + 3 * HOUR)
    ]
    assert engine.next_due() is not None


def test_a_replay_of_old_flights_follows_the_events_not_the_clock():
    engine = Engine(PATTERNS)
    much_later = FIRST_DAY + 1_000 * DAY
    assert engine.feed([event(taken=much_later)], much_later + 10) == []
    assert engine.feed([], much_later + DAY) == []
    later = event(
        "scheduled", FIRST_DAY + 5 * HOUR, "F2", much_later + DAY, planned_departure=FIRST_DAY + 6 * HOUR
    )
    changes = engine.feed([later], much_later + DAY + 10)
    assert [change.finding.flight_ids for change in changes] == [("F1",)]


def test_an_event_after_its_tick_is_counted_and_still_taken():
    engine = Engine(PATTERNS)
    engine.feed([event()], FIRST_DAY + 100)
    engine.feed([event("departed", FIRST_DAY + 1, "F2")], FIRST_DAY + 200)
    assert engine.state.late == 1
    assert engine.schedule.flights["F2"].departed == FIRST_DAY + 1


def test_a_pattern_that_fails_is_noted_and_the_others_go_on():
    def broken(_event, _schedule, _values):
        raise KeyError("no such thing")
        yield

    engine = Engine([recorder("broken", on_event=broken), *PATTERNS])
    engine.feed([event()], FIRST_DAY + 10)
    assert len(engine.feed([], FIRST_DAY + 4 * HOUR)) == 1
    assert engine.state.failures == {"broken": "KeyError: 'no such thing'"}


def test_a_finding_is_raised_updated_at_most_every_quarter_hour_and_cleared_once():
    seen = []

    def count(_event, schedule, _values):
        seen.append(schedule.now)
        yield Raise("k", FIRST_DAY, "One. Two.", {"n": len(seen)}) if len(seen) < 40 else Clear("k", "enough")

    engine = Engine([recorder(on_event=count)])
    events = [event(at=FIRST_DAY + 60 * n, flight=f"F{n}") for n in range(45)]
    changes = engine.feed(events, FIRST_DAY + 2 * HOUR)
    assert [each.kind for each in changes] == ["raised", "updated", "updated", "cleared"]
    assert {each.finding.finding_id for each in changes} == {changes[0].finding.finding_id}
    assert [each.finding.changes for each in changes] == [1, 2, 3, 4]
    assert changes[-1].finding.cleared == changes[-1].at


def test_a_finding_that_comes_again_with_its_old_start_is_another_one():
    def on_and_off(event, _schedule, _values):
        yield Raise("k", FIRST_DAY, "One. Two.", {}) if event.kind == "scheduled" else Clear("k", "over")

    engine = Engine([recorder(on_event=on_and_off)])
    kinds = ("scheduled", "departed", "scheduled", "departed")
    events = [event(kind, FIRST_DAY + 60 * n) for n, kind in enumerate(kinds)]
    changes = engine.feed(events, FIRST_DAY + HOUR)
    assert [each.kind for each in changes] == ["raised", "cleared"] * 2
    assert len({(each.finding.finding_id, each.finding.changes) for each in changes}) == 4


def test_one_registration_for_all_flights_costs_no_more_per_event():
    engine = Engine(PATTERNS)
    plans = {"planned_departure": FIRST_DAY + HOUR, "planned_arrival": FIRST_DAY + 2 * HOUR, "tail": "N1"}
    engine.feed([event(flight=f"F{n}", **plans) for n in range(500)], FIRST_DAY + 10)
    assert len(engine.schedule.legs("N1")) == LEGS_AT_MOST
    engine.feed([], FIRST_DAY + 40 * HOUR)
    assert engine.state.legs == {}


def test_a_wake_comes_at_its_time_and_a_later_one_replaces_it():
    woken = []

    def ask(_event, schedule, _values):
        yield Wake("k", schedule.now + 100)

    def wake(key, schedule, _values):
        woken.append((key, schedule.now))
        yield from ()

    engine = Engine([recorder(on_event=ask, on_wake=wake)])
    engine.feed([event(), event(at=FIRST_DAY + 60, flight="F2")], FIRST_DAY + HOUR)
    assert woken == [("k", FIRST_DAY + 160)]


def test_flights_are_forgotten_so_that_the_state_stays_small():
    engine = Engine(PATTERNS)
    sizes = []
    for number in range(5):
        engine.feed(events_of_day(made_day(3, number, aircraft=40)), FIRST_DAY + (number + 1) * DAY + HOUR)
        sizes.append((len(engine.state.flights), len(engine.state.legs)))
    assert sizes[-1][0] < 3 * sizes[0][0]
    assert sizes[-1] == pytest.approx(sizes[-2], rel=0.2)
    engine.feed([], FIRST_DAY + 9 * DAY)
    assert not engine.state.flights
    assert not engine.state.legs
    assert not any(engine.state.open.values())


def test_windows_are_looked_at_again_after_an_idle_time_that_a_stale_timer_outlasts():
    ticks = []

    def tick(schedule, _values):
        ticks.append(schedule.now)
        yield from ()

    engine = Engine([recorder(on_tick=tick)])
    planned_earlier = event(at=FIRST_DAY + 60)
    engine.feed([event(planned_arrival=FIRST_DAY + 4 * HOUR), planned_earlier], FIRST_DAY + 120)
    idle = FIRST_DAY + 29 * HOUR
    engine.feed([], idle)
    assert not engine.state.flights
    ticks.clear()
    plan = {"planned_departure": idle + HOUR, "planned_arrival": idle + 2 * HOUR}
    engine.feed([event(at=idle + 5, flight="F2", **plan)], idle + HOUR)
    assert ticks == [idle + 300 * number for number in range(1, 13)]


def test_an_unreadable_state_says_so():
    with pytest.raises(ValueError, match="cannot be read"):
        Engine.restored(b"something else", PATTERNS)


def test_ticks_are_short_enough_for_live():
    assert TICK_S <= 5
