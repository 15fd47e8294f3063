"""Give flights distinct ids: a second flight of one number, origin and date has its local time in its id."""

from __future__ import annotations

import pandas as pd

NUMBER = ["airline", "flight_number", "flight_suffix", "origin"]
# Rows that are equal in all of this are one flight, reported twice.
_SAME = [
    *NUMBER,
    *("local_departure", "destination", "scheduled_arrival", "tail_number", "cancelled", "diverted"),
    *("departure_delay_minutes", "arrival_delay_minutes"),
]


def with_id_ends(flights: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the flights of one local date with ``id_end``, and the rows left out as (file, row, reason).

    The first flight of a number and origin, by planned time and destination, has none. Every other one has T
    and its planned local time, as in ``F9240-DEN-20080113T2355``. Rows that repeat another one in everything
    that matters are left out. So is a third flight that the time does not tell apart.
    """
    ordered = flights.assign(flight_suffix=flights["flight_suffix"].fillna("")).sort_values(
        [*_SAME, "row"], kind="stable"
    )
    is_repeat = ordered.duplicated(_SAME)
    first = ordered["row"].where(~is_repeat).ffill().astype(int)
    unique = ordered[~is_repeat].assign(id_end="")
    later = unique.groupby(NUMBER, sort=False).cumcount() > 0
    unique.loc[later, "id_end"] = unique.loc[later, "local_departure"].dt.strftime("T%H%M")
    is_indistinct = unique.duplicated([*NUMBER, "id_end"])
    repeats = ordered[is_repeat].assign(
        reason="repeated: the same flight as row " + first[is_repeat].astype(str)
    )
    indistinct = unique[is_indistinct].assign(
        reason="indistinct: a third flight of this number, origin and planned time"
    )
    left_out = pd.concat([repeats, indistinct])[["file", "row", "reason"]]
    return unique[~is_indistinct].reset_index(drop=True), left_out.reset_index(drop=True)


def flight_ids(flights: pd.DataFrame) -> pd.Series:
    """Return carrier + number + suffix + '-' + origin + '-' + planned local date + ``id_end``."""
    number = flights["airline"] + flights["flight_number"].astype(str) + flights["flight_suffix"]
    days = flights["local_departure"].dt.normalize()
    dates = days.map({day: f"-{day:%Y%m%d}" for day in days.unique()})
    return number + "-" + flights["origin"] + dates + flights["id_end"]
