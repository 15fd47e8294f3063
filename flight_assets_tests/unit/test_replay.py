"""What a repair file and a selection of rejected messages may be, and what of a message reaches a
terminal.
"""

from __future__ import annotations

import pytest

from flight_assets.commands.console import printable
from flight_assets.errors import FlightsError
from flight_assets.pipeline.replay import Rejected, read_repairs


def test_repairs_are_read_by_id() -> None:
    lines = [
        '{"id": "flight_events-0-7", "message": {"a": 1}}\n',
        "\n",
        '{"id": "flight_events-1-9", "message": [1]}',
    ]
    assert read_repairs(lines) == {"flight_events-0-7": {"a": 1}, "flight_events-1-9": [1]}


@pytest.mark.parametrize("line", ["{", "[]", "7", '{"id": "x"}', '{"message": {}}'])
def test_a_line_that_is_no_repair_is_named(line: str) -> None:
    with pytest.raises(FlightsError, match="line 2 is not"):
        read_repairs(['{"id": "a-0-1", "message": {}}', line])


def test_two_repairs_of_one_message_are_refused() -> None:
    with pytest.raises(FlightsError, match="line 2 repairs a-0-1 a second time"):
        read_repairs(['{"id": "a-0-1", "message": {}}'] * 2)


def test_the_id_of_a_message_is_its_position() -> None:
    message = Rejected(
        "flight-events", 1, 5_000_000_000, "2013-06-12T09:00:00.000000Z", 3, "not_json", "", b"", b""
    )
    assert message.id == "flight-events-1-5000000000"


def test_a_hostile_text_cannot_steer_the_terminal() -> None:
    assert printable("\x1b[2Jé\n[/]") == "\\x1b[2Jé\\n[/]"
