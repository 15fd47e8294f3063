"""Local clocks and UTC, by the rules of the IANA time zone database, for whole columns at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

Seconds = npt.NDArray[np.int64]
Codes = npt.NDArray[np.intp]
DAY_S = 86_400


def utc_offset(utc_s: Seconds, zone: Codes, names: list[str]) -> Seconds:
    """Return local time minus UTC in seconds at each UTC time; ``zone`` counts into ``names``, IANA zones."""
    offset = np.zeros(len(utc_s), dtype=np.int64)
    for number in np.unique(zone):
        rows = np.flatnonzero(zone == number)
        times = pd.DatetimeIndex(utc_s[rows].astype("datetime64[s]"))
        local = times.tz_localize("UTC").tz_convert(names[number]).tz_localize(None)
        offset[rows] = local.to_numpy().astype("datetime64[s]").astype(np.int64) - utc_s[rows]
    return offset


def to_utc(local_s: Seconds, zone: Codes, names: list[str]) -> tuple[Seconds, Seconds]:
    """Return the earlier and the later UTC time at which clocks show these local times.

    They differ only around a change of clocks. In the hour that happens twice, both are right. In the hour
    that is skipped, neither is. The first result then goes by the rule from before the change, so that 2:30
    becomes 3:30. The second goes by the rule after it.
    """
    before = local_s - utc_offset(local_s - DAY_S, zone, names)
    after = local_s - utc_offset(local_s + DAY_S, zone, names)
    changes = before != after
    if not changes.any():
        return before, after
    is_before, is_after = np.ones(len(local_s), bool), np.ones(len(local_s), bool)
    near = np.flatnonzero(changes)
    for result, is_right in ((before, is_before), (after, is_after)):
        is_right[near] = utc_offset(result[near], zone[near], names) == local_s[near] - result[near]
    first = np.where(is_after & ~is_before, after, before)
    second = np.where(is_before & ~is_after, before, after)
    return first, second
