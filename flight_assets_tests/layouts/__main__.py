"""``make layouts``: whole months of flights in every layout, read back and compared row by row.

Usage: python -m flight_assets_tests.layouts FOLDER [--only WORD] [--days N]

FOLDER has Parquet files of flights in the columns of Data Expo 2009. Nothing is sent.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from flight_assets.contracts.reference import load_reference
from flight_assets_tests.layouts.compare import Outcome, messages_of, peak_mb, read_back
from flight_assets_tests.layouts.flights import frames
from flight_assets_tests.layouts.formats import FORMATS

# The messages of one layout are checked as a batch does it; the others give the same flights.
CHECKED = "Data Expo 2009 with header"


def main() -> int:
    """Exit code 0 if every row is a flight as it is, or named for a reason that holds."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("folder", type=Path)
    words.add_argument("--only", default="", help="only the layouts with this word in their names")
    words.add_argument(
        "--days", type=int, default=0, help="so many days of the first file instead of all files"
    )
    given = words.parse_args()
    reference, flights = load_reference(), frames(given.folder, given.days)
    say(f"{sum(len(rows) for _, rows in flights):,} rows of {len(flights)} files")
    faults = 0
    for form in FORMATS:
        if given.only not in form.name:
            continue
        with tempfile.TemporaryDirectory(prefix="flights-layouts-") as folder:
            outcome, spool = read_back(form, flights, Path(folder) / "files", reference)
            say(told(outcome))
            if form.name == CHECKED:
                found, seconds = messages_of(spool, reference)
                say(json.dumps({"checked": found.as_dict(), "seconds_to_make": round(seconds, 1)}))
                faults += found.messages - found.staged
        faults += len(outcome.faults)
    say(f"peak memory of this process, with the flights it compares: {peak_mb():,.0f} MB")
    return int(faults > 0)


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def told(outcome: Outcome) -> str:
    """Return what became of a layout, as a line and one more for each fault."""
    named = ", ".join(f"{count:,} {reason}" for reason, count in outcome.named.most_common())
    line = (
        f"{outcome.name}: {outcome.rows:,} rows read, {outcome.flights:,} flights, {outcome.ids:,} ids,"
        f" {outcome.events:,} events; named: {named or 'none'}; unknown codes: {outcome.unknown_codes};"
        f" without planned arrival: {outcome.without_arrival:,}; undecided: {outcome.undecided:,};"
        f" {outcome.seconds:.0f} s, {outcome.processor_seconds:.0f} s of a processor"
    )
    return "\n  ".join([line, *outcome.faults])


if __name__ == "__main__":
    sys.exit(main())
