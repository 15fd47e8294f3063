"""When the sensor asks: tick by tick, without Dagster and stores."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flight_assets.archive.trigger import Cursor, Observed, decide

OVER = Observed(size_mb=310.0, threshold_mb=300.0, due_documents=5, due_reason="5 documents are old")


def test_over_the_threshold_it_asks_with_the_figures():
    found = decide(OVER, Cursor())
    assert found.ask
    assert found.reason == "310.0 MB of 300 MB (103%): over the threshold: 5 documents are old"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"size_mb": 300.0}, "not over the threshold"),
        ({"running": "run 7"}, "an archive is running (run 7)"),
        ({"running": "run 7", "unfinished": "mongodb_000001"}, "an archive is running (run 7)"),
        ({"paused": "since noon"}, "archiving is paused (since noon)"),
        ({"paused": "since noon", "unfinished": "mongodb_000001"}, "archiving is paused (since noon)"),
        ({"due_documents": 0, "due_reason": "all is young"}, "nothing may leave: all is young"),
    ],
)
def test_it_skips_with_the_figures_and_the_reason(change, why):
    found = decide(replace(OVER, **change), Cursor())
    assert not found.ask
    assert " MB of 300 MB (" in found.reason
    assert why in found.reason


def test_an_unfinished_archive_goes_on_even_under_the_threshold():
    found = decide(replace(OVER, size_mb=10.0, unfinished="mongodb_000001"), Cursor())
    assert found.ask
    assert "mongodb_000001 is unfinished" in found.reason


def test_it_warns_once_at_80_percent_and_again_only_after_it_was_below():
    cursor = Cursor()
    warned = []
    for size_mb in (239.9, 240.0, 260.0, 310.0, 250.0, 100.0, 241.0, 320.0):
        found = decide(replace(OVER, size_mb=size_mb), cursor)
        warned.append(found.warn)
        cursor = found.cursor
    assert warned == [False, True, False, False, False, False, True, False]


def test_the_cursor_holds_the_state_and_survives_as_json():
    cursor = decide(OVER, Cursor()).cursor
    assert Cursor.model_validate_json(cursor.model_dump_json()) == cursor
    assert (cursor.level, cursor.size_mb, cursor.asked) == ("over", 310.0, 1)
    assert cursor.last_decision.startswith("310.0 MB")
