"""Own patterns are loaded and tried out; findings of one place are one situation."""

import json

import pytest
from click.testing import CliRunner

from flight_assets.cli import main
from flight_assets.errors import FlightsError
from flight_assets.events.groups import groups
from flight_assets.events.model import Finding
from flight_assets.events.own import all_patterns, load
from flight_assets.events.patterns import PATTERNS
from flight_assets.settings import Settings

GOOD = '''"""Very late departures."""
from flight_assets.events.model import Parameter, Pattern, Raise

def on_event(event, schedule, values):
    if event.kind == "departed" and (event.departure_delay or 0) >= values["minutes"]:
        limit = f"The limit is {values['minutes']:.0f}."
        text = f"{event.flight_id} left {event.departure_delay:.0f} minutes late. {limit}"
        yield Raise(event.flight_id, event.at, text, {"minutes": event.departure_delay}, (event.flight_id,))

PATTERN = Pattern("very_late", "very late", "info", (Parameter("minutes", 60, "minutes", "limit"),),
                  ("departed",), "never", on_event=on_event)
'''
KEEPS = GOOD.replace("def on_event", "seen = []\n\ndef on_event").replace(
    "    if event.kind", "    seen.append(1)\n    if len(seen) < 3_000 and event.kind"
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "very_late.py").write_text(GOOD)
    return tmp_path


def test_a_file_in_the_folder_is_a_pattern_beside_the_built_in_ones(folder):
    names = [pattern.name for pattern in all_patterns(Settings(events_patterns_dir=folder))]
    assert names == [*(pattern.name for pattern in PATTERNS), "very_late"]
    assert all_patterns(Settings()) == PATTERNS


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("x = 1", "has no PATTERN"),
        ("import nothing_of_this_name", "cannot be loaded: ModuleNotFoundError"),
        (GOOD.replace(", on_event=on_event", ""), "has no function"),
    ],
)
def test_a_file_that_is_no_pattern_says_why(tmp_path, content, reason):
    (tmp_path / "broken.py").write_text(content)
    with pytest.raises(FlightsError, match=reason):
        load(tmp_path / "broken.py")


def test_two_patterns_of_one_name_are_refused(folder):
    (folder / "zz.py").write_text(GOOD)
    with pytest.raises(FlightsError, match="exists already"):
        all_patterns(Settings(events_patterns_dir=folder))
    with pytest.raises(FlightsError, match="there is no folder"):
        all_patterns(Settings(events_patterns_dir=folder / "none"))


def test_the_command_tries_a_pattern(folder):
    done = CliRunner().invoke(main, ["events", "test", str(folder / "very_late.py"), "--days", "1", "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.output)
    assert said["raised"] > 0
    assert said["problem"] == ""
    assert "The limit is 60." in said["examples"][0]


def test_a_pattern_that_keeps_state_outside_does_not_pass(folder):
    (folder / "keeps.py").write_text(KEEPS)
    done = CliRunner().invoke(main, ["events", "test", str(folder / "keeps.py"), "--days", "1"])
    assert done.exit_code == 1
    assert "it finds something else if the batches are cut elsewhere" in done.output


def test_a_pattern_that_raises_an_error_does_not_pass(folder):
    (folder / "fails.py").write_text(GOOD.replace("event.at,", "event.no_such_field,"))
    done = CliRunner().invoke(main, ["events", "test", str(folder / "fails.py"), "--days", "1"])
    assert done.exit_code == 1
    assert "AttributeError" in done.output


def test_patterns_are_listed_with_their_parameters():
    done = CliRunner().invoke(main, ["events", "patterns", "--json"])
    listed = {json.loads(line)["name"]: json.loads(line) for line in done.output.splitlines()}
    assert set(listed) == {pattern.name for pattern in PATTERNS}
    assert {"name": "departure_minutes", "default": 120, "unit": "minutes"}.items() <= listed["overdue"][
        "parameters"
    ][0].items()


def test_a_parameter_of_replay_that_is_none_is_wrong_use():
    done = CliRunner().invoke(main, ["events", "replay", "--set", "overdue=60"])
    assert done.exit_code == 2
    assert "PATTERN.PARAMETER=VALUE" in done.output


def finding(number, pattern, severity="warning", key="", airport="", raised=0):
    return Finding(
        f"{number:016x}",
        pattern,
        severity,
        key or f"F{number}",
        0,
        raised,
        raised,
        "One. Two.",
        {"n": 1.0},
        airport=airport,
    )


def test_a_stopped_airport_with_its_waiting_flights_is_one_situation():
    waiting = [finding(number, "overdue", airport="ORD") for number in range(300)]
    stop = finding(900, "ground_stop", "critical", "airport:ORD", "ORD", raised=9)
    slow = finding(901, "slow_down", "warning", "airport:EWR", "EWR")
    others = [finding(902, "overdue", airport="BOS"), finding(903, "overdue", airport="SFO")]
    made = groups([*waiting, slow, stop, *others])
    assert [(each.name, each.pattern, each.findings) for each in made] == [
        ("ORD", "ground_stop", 301),
        ("overdue", "overdue", 2),
        ("EWR", "slow_down", 1),
    ]
    assert sum(len(each.members) for each in made) == 304
    assert groups([]) == []
