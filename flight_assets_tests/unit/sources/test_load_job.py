"""A load that is stopped goes on, and one that is complete starts anew."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest
from click.testing import CliRunner

from flight_assets.cli import main
from flight_assets.contracts.reference import Reference
from flight_assets.producer.load_job import LoadJob, open_job
from flight_assets.sources.reading import sources_of
from flight_assets.sources.registry import layout_of
from flight_assets_tests.unit.sources.layout_files import PREZIP, T_ONTIME


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    path.write_text(PREZIP)
    return path


def opened(home: Path, file: Path, reference: Reference, *options: str) -> LoadJob:
    job = open_job(home, [file], options, reference)
    job.survey(
        [(source, layout_of(source)) for source in sources_of(file)], lambda _: None, shift_to_now=False
    )
    return job


def test_a_stopped_load_goes_on_with_the_next_message(
    tmp_path: Path, file: Path, reference: Reference
) -> None:
    job = opened(tmp_path, file, reference)
    everything = list(job.messages(60))
    assert len(everything) == 9
    sent = list(islice(job.messages(60), 3))
    job.note_sent(3)
    again = opened(tmp_path, file, reference)
    assert sent + list(again.messages(60)) == everything


def test_a_complete_load_is_forgotten_and_sends_the_same_again(
    tmp_path: Path, file: Path, reference: Reference
) -> None:
    job = opened(tmp_path, file, reference)
    first = list(job.messages(60))
    job.note_sent(9)
    job.forget()
    assert list(opened(tmp_path, file, reference).messages(60)) == first


def test_what_was_sent_never_goes_back(tmp_path: Path, file: Path, reference: Reference) -> None:
    job = opened(tmp_path, file, reference)
    job.note_sent(5)
    job.note_sent(2)
    assert (job.state() or {})["sent"] == 5


def test_a_load_is_known_by_content_and_options_and_not_by_name(
    tmp_path: Path, file: Path, reference: Reference
) -> None:
    renamed = tmp_path / "b.csv"
    renamed.write_text(PREZIP)
    other = tmp_path / "c.csv"
    other.write_text(T_ONTIME)
    key = open_job(tmp_path, [file], ["x"], reference).folder
    assert open_job(tmp_path, [renamed], ["x"], reference).folder == key
    assert open_job(tmp_path, [file], ["y"], reference).folder != key
    assert open_job(tmp_path, [other], ["x"], reference).folder != key


def test_a_dry_run_reports_and_leaves_nothing(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flight_assets.settings import Settings

    monkeypatch.setattr(
        "flight_assets.commands.load.get_settings",
        lambda: Settings(home=tmp_path / "home", redis_url="redis://127.0.0.1:1/0"),
    )
    result = CliRunner().invoke(main, ["load", str(file), "--dry-run", "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    found = json.loads(result.output)
    assert (found["flights"], found["rows"], found["first_day"]) == (3, 3, "2008-01-03")
    assert found["events"] == {"scheduled": 3, "departed": 2, "diverted": 1, "arrived": 2, "cancelled": 1}
    assert found["carriers"] == {"UA": 1, "WN": 2}
    assert not any((tmp_path / "home" / "loads").iterdir())


def test_lines_that_are_messages_already_are_counted(tmp_path: Path) -> None:
    from flight_assets.contracts.message import EventType
    from flight_assets.contracts.published import example

    path = tmp_path / "messages.jsonl"
    path.write_text("\n".join(json.dumps(example(kind)) for kind in EventType))
    result = CliRunner().invoke(main, ["load", str(path), "--dry-run", "--json"], catch_exceptions=False)
    assert json.loads(result.output) == {"messages": len(EventType)}


def test_ctrl_c_and_the_same_command_send_every_message_once(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flight_assets.producer.publish import PublishResult
    from flight_assets.settings import Settings

    home = tmp_path / "home"
    sent: list[bytes] = []
    settings = Settings(home=home, redis_url="redis://127.0.0.1:1/0")
    monkeypatch.setattr("flight_assets.commands.load.get_settings", lambda: settings)

    def publish(messages, *_args, **_options) -> PublishResult:
        """Kafka takes five messages at most, then the user presses Ctrl-C."""
        taken = [message.value for message in islice(messages, 5)]
        sent.extend(taken)
        return PublishResult(len(taken), len(taken), 0, 0.1, {}, interrupted=len(taken) == 5)

    monkeypatch.setattr("flight_assets.producer.publish.publish", publish)
    first = CliRunner().invoke(main, ["load", str(file)])
    assert first.exit_code == 1
    assert "stopped after 5 messages: the same command goes on from there" in first.output
    second = CliRunner().invoke(main, ["load", str(file)], catch_exceptions=False)
    assert second.exit_code == 0
    assert "resuming after 5 messages" in second.output
    assert len(sent) == len(set(sent)) == 9
    assert not any((home / "loads").iterdir())
