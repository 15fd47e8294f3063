"""Verdicts on messages are counted as a batch would count them."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from click.testing import CliRunner

from flight_assets.cli import main
from flight_assets.producer.validation import Verdicts, verdicts


def check(raw: pa.RecordBatch) -> pa.RecordBatch:
    """A check that rejects what is not JSON and knows an event by its value."""
    texts = pc.cast(raw.column("value"), pa.string())
    is_bad = pc.invert(pc.starts_with(texts, "{"))
    count = raw.num_rows
    hashes = pa.array([hash(text) for text in texts.to_pylist()], pa.int64())
    lists = pa.array([["airline:[/red]"]] * count, pa.list_(pa.string()))
    return pa.RecordBatch.from_pydict(
        {
            "reason": pc.if_else(is_bad, "not_json", None),
            "detail": pc.if_else(is_bad, "[/red] not JSON", None),
            "event_hash": pc.if_else(is_bad, None, hashes),
            "unknown_codes": lists,
            "unknown_fields": pa.nulls(count, pa.list_(pa.string())),
            "cleaned": pa.nulls(count, pa.list_(pa.string())),
        }
    )


def lines(*values: bytes) -> list[tuple[int, bytes | None, bytes]]:
    return [(number, b"key", value) for number, value in enumerate(values, 1)]


def test_messages_are_staged_duplicate_or_rejected_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flight_assets.producer.validation.CHUNK_MESSAGES", 2)
    found = verdicts(lines(b"{1}", b"{2}", b"x", b"{1}", b"{3}"), check)
    assert (found.messages, found.staged, found.duplicate, found.rejected) == (5, 3, 1, {"not_json": 1})
    assert found.examples == [(3, "not_json", "[/red] not JSON")]
    assert found.unknown_codes == {"airline:[/red]": 5}


def test_no_messages_have_no_verdicts() -> None:
    assert verdicts([], check) == Verdicts()


@pytest.mark.parametrize(("options", "code"), [([], 1), (["--json"], 1)])
def test_the_command_says_what_is_wrong_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], code: int
) -> None:
    path = tmp_path / "messages.jsonl"
    path.write_text('{"schema_version": 1, "event_id": "a", "flight_id": "b"}\nrubbish\n')
    monkeypatch.setattr("flight_assets.commands.validate._checker", lambda *_: check)
    result = CliRunner().invoke(main, ["validate", str(path), *options])
    assert result.exit_code == code
    if options:
        found = json.loads(result.output)["verdicts"]
        assert (found["messages"], found["staged"], found["rejected"]) == (2, 1, {"not_json": 1})
        assert found["examples"] == [{"line": 2, "reason": "not_json", "detail": "[/red] not JSON"}]
    else:
        assert "line 2: not_json ([/red] not JSON)" in result.output
        assert "airline:[/red] (2)" in result.output
