"""Read the values of a column: numbers as text, words for nothing, times as hhmm."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Times = npt.NDArray[np.datetime64]

# Words for nothing: R and pandas write NA, MySQL writes \N, IEM writes M.
NOTHING = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", "\\N", "M")
TRUE_WORDS = ("1", "1.0", "1.00", "true", "t", "yes", "y")
MINUTES_PER_DAY = 1_440
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
# Thousands set apart: 2,475 or 12,345.5 with a decimal point.
_GROUPED = r"^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$"
_CLOCK = r"^(\d{1,2}):(\d{2})(:\d{2}(\.\d+)?)?$"
_HALF_DAY = r"(?i)\s*([ap])\.?m\.?$"
# Seconds since 1970 and finer, by their number of digits: 10 for the years 2001 to 2286.
_FIRST_YEAR, _YEAR_AFTER = np.datetime64("1900", "s"), np.datetime64("2200", "s")
_EPOCH_UNITS = {10: "s", 13: "ms", 16: "us", 19: "ns"}


def text(column: pa.ChunkedArray | pa.Array) -> pd.Series:
    """Return trimmed texts as objects, None for nothing.

    A whole number that a file keeps as 12.0 becomes 12.
    """
    if pa.types.is_floating(column.type):
        whole = pc.equal(pc.floor(column), column)
        as_integer = pc.cast(pc.if_else(whole, column, None), pa.int64(), safe=False)
        column = pc.coalesce(pc.cast(as_integer, pa.string()), pc.cast(column, pa.string()))
    trimmed = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    nothing = pc.is_in(trimmed, value_set=pa.array(NOTHING))
    return pc.if_else(nothing, None, trimmed).to_pandas().astype(object)


def by_distinct(values: pd.Series, function: Callable[[str], object]) -> pd.Series:
    """Return the function's result for each value, called once for each distinct one.

    None for a missing value.
    """
    numbers, distinct = pd.factorize(values)
    results = np.array([*map(function, distinct), None], dtype=object)
    return pd.Series(results[numbers], index=values.index, dtype=object)


def number(column: pa.ChunkedArray | pa.Array, decimal: str = ".") -> Floats:
    """Return floats, NaN for nothing and for what is no number. Thousands may be set apart: 2,475.0.

    With ``decimal`` a comma, the point sets thousands apart; if it is empty, a column with a comma has
    decimal commas.
    """
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, pa.string())
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        trimmed = pc.utf8_trim_whitespace(column)
        has_comma = pc.any(pc.match_substring(trimmed, ",")).as_py()
        if decimal == "," or (not decimal and has_comma):
            trimmed = pc.replace_substring(pc.replace_substring(trimmed, ".", ""), ",", ".")
        elif has_comma:
            plain = pc.replace_substring(trimmed, ",", "")
            trimmed = pc.if_else(pc.match_substring_regex(trimmed, _GROUPED), plain, trimmed)
        column = pc.if_else(pc.match_substring_regex(trimmed, _NUMBER), trimmed, None)
    return np.asarray(pc.cast(column, pa.float64()), dtype=np.float64)


def flag(column: pa.ChunkedArray | pa.Array, true_words: tuple[str, ...] = TRUE_WORDS) -> Bools:
    """Return True where the value is one of the words for true, in any case."""
    if pa.types.is_boolean(column.type):
        return np.asarray(pc.fill_null(column, False), dtype=bool)
    words = pc.utf8_lower(pc.utf8_trim_whitespace(pc.cast(column, pa.string())))
    return np.asarray(pc.is_in(words, value_set=pa.array([word.lower() for word in true_words])), dtype=bool)


def minutes_of_day(hhmm: Floats) -> Floats:
    """Return minutes after midnight of clock times written as hhmm.

    5 is 00:05, and 2400 is the midnight that ends the day.
    NaN where the number is no time, e.g. 2561.
    """
    hours, minutes = np.divmod(hhmm, 100)
    is_time = (
        (hhmm >= 0) & (minutes < 60) & (hours * 60 + minutes <= MINUTES_PER_DAY) & (hhmm == np.floor(hhmm))
    )
    result: Floats = np.where(is_time, hours * 60 + minutes, np.nan)
    return result


def clock_times(column: pa.ChunkedArray | pa.Array) -> Floats:
    """Return minutes after midnight of times as hhmm, h:mm, hh:mm:ss or 9:30 PM; NaN where it is no time."""
    if pa.types.is_time(column.type):
        seconds = pc.cast(pc.cast(column, pa.time64("us")), pa.int64())
        return np.floor(np.asarray(pc.cast(seconds, pa.float64()), dtype=np.float64) / 60e6)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return minutes_of_day(number(column))
    written = pc.utf8_trim_whitespace(column)
    if not pc.any(pc.match_substring_regex(written, _HALF_DAY)).as_py():
        return minutes_of_day(number(pc.replace_substring_regex(written, _CLOCK, r"\1\2")))
    clock = pc.replace_substring_regex(written, _HALF_DAY, "")
    minutes = minutes_of_day(number(pc.replace_substring_regex(clock, _CLOCK, r"\1\2")))
    half = pc.utf8_lower(pc.struct_field(pc.extract_regex(written, r"(?i)(?P<half>[ap])\.?m\.?$"), "half"))
    is_morning, is_evening = (np.asarray(pc.fill_null(pc.equal(half, letter), False)) for letter in "ap")
    is_twelve = (minutes >= MINUTES_PER_DAY // 2) & (minutes < MINUTES_PER_DAY // 2 + 60)
    shift = np.where(is_morning & is_twelve, -1, np.where(is_evening & ~is_twelve, 1, 0))
    shifted = minutes + shift * (MINUTES_PER_DAY // 2)
    result: Floats = np.where(shifted <= MINUTES_PER_DAY, shifted, np.nan)
    return result


def dates(column: pa.ChunkedArray | pa.Array, form: str = "") -> Times:
    """Return days (datetime64[D]) of dates, else NaT.

    Forms: 2008-01-31, 20080131, 1/31/2008 12:00:00 AM, or a strptime form.
    """
    if pa.types.is_temporal(column.type):
        return _times(column.to_pandas(), "D")
    texts = text(column)
    distinct = texts.dropna().unique()
    parsed = {value: _date(value, form) for value in distinct}
    return _times(texts.map(parsed), "D")


def _times(values: pd.Series, unit: str) -> Times:
    times: Times = values.to_numpy().astype(f"datetime64[{unit}]")
    return times


def _date(value: str, form: str) -> np.datetime64:
    if form:
        return _day(value, form)
    if match := re.match(r"(\d{4})-?(\d{2})-?(\d{2})(?!\d)", value):
        parts = match.groups()
    elif match := re.match(r"(\d{1,2})/(\d{1,2})/(\d{4})(?!\d)", value):
        month, day, year = match.groups()
        parts = (year, month.zfill(2), day.zfill(2))
    else:
        return np.datetime64("NaT")
    return _day("-".join(parts), "%Y-%m-%d")


def _day(value: str, form: str) -> np.datetime64:
    """Return the day of a text; NaT if it is none."""
    return np.datetime64(pd.Series([pd.to_datetime(value, format=form, errors="coerce")]).to_numpy()[0], "D")


def day_of(year: Floats, month: Floats, day: Floats) -> Times:
    """Return days (datetime64[D]); NaT where the three are no date."""
    frame: Any = {"year": year, "month": month, "day": day}
    return _times(pd.to_datetime(pd.DataFrame(frame), errors="coerce"), "D")


def moments(column: pa.ChunkedArray | pa.Array, form: str = "") -> Times:
    """Return moments (datetime64[s]) of a date with a time; with a zone or offset, in UTC. Else NaT.

    Without a strptime form, texts are ISO 8601, or digits that count from 1970: seconds, or finer units by
    their length.
    """
    if pa.types.is_timestamp(column.type):
        times = column.to_pandas()
        return _times(times.dt.tz_convert("UTC").dt.tz_localize(None) if column.type.tz else times, "s")
    texts = text(column)
    if not form:
        texts = by_distinct(texts, _from_epoch)
    parsed = pd.to_datetime(texts, format=form or "ISO8601", errors="coerce", utc=True)
    times = _times(parsed.dt.tz_localize(None), "s")
    # 1022 is a time of day and no year: no flight is of that one.
    times[(times < _FIRST_YEAR) | (times >= _YEAR_AFTER)] = np.datetime64("NaT")
    return times


def are_clock_times(column: pa.ChunkedArray | pa.Array) -> bool:
    """Return whether a column has times of day without a date, such as 0930 or 9:30, and nothing else."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return False
    texts = text(column).dropna()
    return bool(len(texts)) and bool(texts.str.fullmatch(r"\d{1,2}:?\d{2}(:\d{2})?").all())


def has_offsets(column: pa.ChunkedArray | pa.Array) -> bool:
    """Return whether times of a column say how far they are from UTC, so that no clock need be known."""
    if pa.types.is_timestamp(column.type):
        return bool(column.type.tz)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return bool(pa.types.is_integer(column.type))
    absolute = r"(\d{2}:\d{2}(:\d{2}(\.\d+)?)?\s*(Z|[+-]\d{2}(:?\d{2})?)|^\d{10}(\d{3}){0,3})\s*$"
    found: bool = pc.any(pc.match_substring_regex(column, absolute)).as_py()
    return found is True


def _from_epoch(value: str) -> str:
    """Return ISO 8601 in UTC of digits that count from 1970; any other text as it is."""
    unit = _EPOCH_UNITS.get(len(value)) if value.isdigit() and value.isascii() else None
    return f"{pd.Timestamp(int(value), unit=unit).isoformat()}Z" if unit else value
