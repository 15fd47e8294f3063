"""A fork of the engine runs ahead of the batches, and finds what they will find."""

from collections import Counter
from random import Random

import msgspec
import pytest

from flight_assets.events import fork as forks
from flight_assets.events.engine import Engine
from flight_assets.events.fork import Fork
from flight_assets.events.model import HOUR
from flight_assets.events.patterns import PATTERNS
from flight_assets.events.planted import FIRST_DAY
from flight_assets_tests.unit.events.test_engine import END, event, planted_events, told

STEP_S = 20 * 60
BEGIN = FIRST_DAY + 2 * HOUR


def as_topic(events):
    """The same events with the offsets that a topic gives them, in the order of arrival."""
    offsets, found = Counter(), []
    for each in sorted(events, key=lambda one: one.order[1]):
        at, taken, partition, _ = each.order
        found.append(msgspec.structs.replace(each, order=(at, taken, partition, offsets[partition])))
        offsets[partition] += 1
    return found


def ends_of(events):
    """First offset behind these events by partition."""
    return {partition: 1 + max(e.order[3] for e in events if e.order[2] == partition)
            for partition in {each.order[2] for each in events}}  # fmt: skip


def opened(findings):
    return sorted(msgspec.json.encode(each) for each in findings)


def open_of(engine):
    return opened(found for by_key in engine.state.open.values() for found in by_key.values())


class Batches:
    """The search in batches: an engine that is fed up to some step, and its durable state."""

    def __init__(self, events):
        self.events, self.engine, self.done, self.number = events, Engine(PATTERNS), 0, 0
        self.changes = []

    def search(self, end, now, killed):
        """Feed the events up to a place. Killed before it was saved, it does so again."""
        saved = self.engine.snapshot()
        changes = self.engine.feed(self.events[self.done : end], now)
        if killed:
            self.engine = Engine.restored(saved, PATTERNS)
            changes = self.engine.feed(self.events[self.done : end], now)
        self.changes += changes
        self.done, self.number = end, self.number + 1

    def reached(self):
        return ends_of(self.events[: self.done])

    def state(self):
        return self.engine.snapshot(), self.reached()


def reference(events):
    """Open findings after each step, and all changes, of one engine that sees every event at once."""
    engine, found, changes, done = Engine(PATTERNS), {}, [], 0
    for now in range(BEGIN, END + 1, STEP_S):
        end = next((n for n, each in enumerate(events) if each.taken >= now), len(events))
        changes += engine.feed(events[done:end], now)
        found[now], done = (end, open_of(engine)), end
    return found, changes


def test_live_shows_at_any_moment_what_batches_and_replay_find_over_100_random_cuts_and_kills():
    """Batches are cut anywhere, both searches are killed anywhere, and states are published late."""
    events = as_topic(planted_events())
    steps, changes = reference(events)
    counts = Counter()
    for seed in range(6):
        random = Random(seed)  # noqa: S311
        batches, live, taken, seen = Batches(events), Fork(PATTERNS, {}), 0, None
        for now, (end, expected) in steps.items():
            if random.random() < 0.15:  # killed: it reads again what no batch has staged
                live, taken, seen = Fork(PATTERNS, batches.reached()), batches.done, None
                counts["kills"] += 1
            live.add(random.sample(events[taken:end], end - taken))
            taken = end
            if seen != batches.number and random.random() < 0.6:
                seen = batches.number
                assert live.begin(*batches.state())
                counts["states"] += 1
            live.advance(now)
            if live.works:
                assert opened(live.findings()) == expected, (seed, now)
                counts["moments"] += 1
            if random.random() < 0.4:
                killed = random.random() < 0.4
                batches.search(end, now, killed)
                counts.update(cuts=1, kills=killed)
        batches.search(len(events), END, killed=False)
        assert told(batches.changes) == told(changes)
        assert live.begin(*batches.state())
        assert opened(live.findings()) == open_of(batches.engine)
        assert live.held == 0
    assert min(counts["cuts"], counts["kills"], counts["states"]) >= 100
    assert counts["moments"] > 300


def test_it_goes_on_without_beginning_again_while_it_has_found_what_the_batches_find(monkeypatch):
    """As at a high rate, when beginning again would be dear."""
    monkeypatch.setattr(forks, "CHEAP_EVENTS", -1)
    events = as_topic(planted_events())
    steps, changes = reference(events)
    batches, live, taken, begun, searched = Batches(events), Fork(PATTERNS, {}), 0, 0, 0
    for number, (now, (end, expected)) in enumerate(steps.items()):
        live.add(events[taken:end])
        taken = end
        live.advance(now)
        if number % 3 == 0:
            before = len(batches.changes)
            batches.search(end, now, killed=False)
            state, done = batches.state()
            searched += 1
            if not live.goes_on(batches.changes[before:], done):
                begun += 1
                assert live.begin(state, done)
                live.advance(now)
        assert opened(live.findings()) == expected
    assert begun == 1 < searched
    # Batches with a finding that it has not: it begins again.
    assert not live.goes_on(changes[:1], batches.reached())


def test_absence_is_found_while_messages_are_silent():
    live = Fork(PATTERNS, {})
    live.add([event()])
    assert live.begin(None, {})
    assert live.advance(FIRST_DAY + 2 * HOUR) == []
    assert [change.finding.pattern for change in live.advance(FIRST_DAY + 4 * HOUR)] == ["overdue"]


def test_it_waits_for_the_batches_between_the_state_and_its_first_event():
    live = Fork(PATTERNS, {0: 10, 1: 5})
    assert not live.begin(Engine(PATTERNS).snapshot(), {0: 10, 1: 4})
    assert (live.works, live.advance(END), live.findings()) == (False, [], [])
    assert live.begin(Engine(PATTERNS).snapshot(), {0: 12, 1: 5})


def test_too_many_events_without_a_batch_are_let_go_until_the_batches_have_them(monkeypatch):
    monkeypatch.setattr(forks, "HELD_AT_MOST", 50)
    events = as_topic(planted_events())
    batches, live = Batches(events), Fork(PATTERNS, {})
    assert live.begin(None, {})
    live.add(events[:51])
    assert (live.works, live.held) == (False, 0)
    live.add(events[51:60])
    batches.search(50, events[50].taken, killed=False)
    assert not live.begin(*batches.state())
    batches.search(60, events[60].taken, killed=False)
    assert live.begin(*batches.state())
    live.add(events[60:100])
    live.advance(events[100].taken)
    expected = Engine(PATTERNS)
    expected.feed(events[:100], events[100].taken)
    assert opened(live.findings()) == open_of(expected)


def test_a_state_of_another_version_is_refused_and_nothing_is_shown():
    live = Fork(PATTERNS, {})
    with pytest.raises(ValueError, match="cannot be read"):
        live.begin(b"what", {})
    assert not live.works
