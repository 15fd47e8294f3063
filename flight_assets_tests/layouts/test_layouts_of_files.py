"""A day of flights in each layout: every flight comes back as it is, and every other row is named.

The flights are those of the folder FLIGHTS_TEST_FLIGHTS, or made up. ``make layouts`` does the same with
whole months.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from flight_assets.contracts.reference import Reference, load_reference
from flight_assets_tests.layouts.compare import messages_of, read_back
from flight_assets_tests.layouts.flights import FOLDER, frames, sample
from flight_assets_tests.layouts.formats import FORMATS, Format


@pytest.fixture(scope="module")
def reference() -> Reference:
    return load_reference()


@pytest.fixture(scope="module")
def flights():
    return frames(Path(FOLDER), days=1) if FOLDER else [("sample", sample())]


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_every_row_is_a_flight_as_it_is_or_is_named(
    form: Format, flights, reference: Reference, tmp_path: Path
) -> None:
    outcome, spool = read_back(form, flights, tmp_path / "files", reference)
    count = sum(len(rows) for _, rows in flights)
    assert outcome.faults == []
    assert outcome.ids == outcome.flights == count - sum(outcome.named.values())
    assert outcome.unknown_codes == 0
    if not FOLDER:
        assert outcome.named["inconsistent_times"] == outcome.named["repeated"] == 1
    found, _ = messages_of(spool, reference)
    assert (found.messages, found.staged, found.examples) == (outcome.events, outcome.events, [])


def test_a_wrong_clock_is_a_fault(flights, reference: Reference, tmp_path: Path) -> None:
    form = next(form for form in FORMATS if form.name == "Parquet by a mapping")
    wrong = Format(
        form.name, form.layout, form.write, mapping=form.mapping.replace('"UTC"', '"Europe/Berlin"')
    )
    with pytest.raises(Exception, match="offset from UTC"):
        read_back(wrong, flights, tmp_path / "files", reference)
