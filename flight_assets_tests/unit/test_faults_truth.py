"""The judge of the fault tests sees what it must see."""

from __future__ import annotations

from collections import Counter

from flight_assets_tests.factories import encode, message
from flight_assets_tests.faults.truth import Sent, _check_verdicts, _Judge, announced_flights, newest_states


def test_missing_surplus_and_other_rows_are_found():
    judge = _Judge()
    judge.equal("rows", {1: "a", 2: "x", 4: "d"}, {1: "a", 2: "b", 3: "c"})
    assert (judge.lost, judge.doubled, len(judge.problems)) == (1, 1, 3)


def test_repeated_keys_and_lost_acknowledgements_are_found():
    judge = _Judge()
    judge.unique("key", ["a", "b", "a", "a"])
    judge.same("topic", Counter([b"x"]), Counter([b"x", b"x", b"y"]))
    assert (judge.doubled, judge.lost) == (2, 2)


def test_a_message_in_no_group_or_in_two_is_found():
    topic = {(0, 0): encode(message()), (0, 1): encode(message()), (0, 2): encode(message(event_id="other"))}
    judge = _Judge()
    _check_verdicts(judge, topic, Sent(), [("UA1545-EWR-20130612:scheduled", 0, 0)], [(0, 0, "not_json")])
    assert (judge.lost, judge.doubled) == (1, 1)
    judge = _Judge()
    _check_verdicts(judge, topic, Sent(), [("UA1545-EWR-20130612:scheduled", 0, 0), ("other", 0, 2)], [])
    assert judge.problems == []


def test_a_rejection_for_another_reason_than_made_for_is_found():
    sent = Sent(Counter([b"{"]), {b"{": "not_json"})
    judge = _Judge()
    _check_verdicts(judge, {(0, 0): b"{"}, sent, [], [(0, 0, "wrong_type")])
    assert "other" in judge.problems[0]


def test_the_newest_state_is_by_time_and_then_by_offset():
    late = encode(message(event_type="departed"))
    topic = {
        (0, 0): encode(message(event_type="arrived")),
        (0, 1): late,
        (0, 2): encode(message(event_type="cancelled", event_id="c")),
    }
    topic[0, 3] = encode(message(event_type="cancelled", event_id="d"))
    assert newest_states(topic, {(0, 1), (0, 2), (0, 3)})["UA1545-EWR-20130612"][1] == "departed"
    assert newest_states(topic, {(0, 2), (0, 3)})["UA1545-EWR-20130612"][0] == "d"
    assert newest_states(topic, set(topic))["UA1545-EWR-20130612"][1] == "arrived"


def test_a_flight_is_announced_if_its_scheduled_event_was_the_first_that_kafka_took():
    topic = {(0, 0): encode(message(event_type="departed")), (1, 0): encode(message())}
    both = set(topic)
    assert announced_flights(topic, {(0, 0): 5, (1, 0): 6}, both) == {}
    assert announced_flights(topic, {(0, 0): 7, (1, 0): 6}, both) == {
        "UA1545-EWR-20130612": "UA1545-EWR-20130612:scheduled"
    }
