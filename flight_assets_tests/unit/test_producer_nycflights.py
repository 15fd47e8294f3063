"""Times: from the local clock at the destination to UTC."""

from __future__ import annotations

import pandas as pd
import pytest

from flight_assets.producer.nycflights import scheduled_arrival


def arrival(departure: str, hhmm: int, destination: str, miles: float) -> str:
    columns = (
        pd.Series([pd.Timestamp(departure)]),
        pd.Series([hhmm]),
        pd.Series([destination]),
        pd.Series([miles]),
    )
    return scheduled_arrival(*columns).iloc[0].isoformat()


@pytest.mark.parametrize(
    ("departure", "hhmm", "destination", "miles", "expected"),
    [
        pytest.param("2013-07-01T12:00Z", 930, "BOS", 187, "2013-07-01T13:30:00+00:00", id="same zone"),
        pytest.param("2013-07-01T12:00Z", 1100, "LAX", 2475, "2013-07-01T18:00:00+00:00", id="west"),
        pytest.param(
            "2013-07-02T02:30Z", 2359, "BOS", 187, "2013-07-02T03:59:00+00:00", id="just before midnight"
        ),
        pytest.param(
            "2013-07-02T02:30Z", 1, "BOS", 187, "2013-07-02T04:01:00+00:00", id="just after midnight"
        ),
        pytest.param(
            "2013-07-02T01:00Z",
            2359,
            "LAX",
            2475,
            "2013-07-02T06:59:00+00:00",
            id="midnight at home, not there",
        ),
        pytest.param(
            "2013-01-15T04:59Z", 340, "SJU", 1598, "2013-01-15T07:40:00+00:00", id="winter, an hour ahead"
        ),
        pytest.param(
            "2013-07-15T03:59Z", 340, "SJU", 1598, "2013-07-15T07:40:00+00:00", id="summer, the same clock"
        ),
        pytest.param(
            "2013-01-15T13:00Z", 1130, "PHX", 2153, "2013-01-15T18:30:00+00:00", id="Arizona in winter"
        ),
        pytest.param(
            "2013-07-15T12:00Z", 1030, "PHX", 2153, "2013-07-15T17:30:00+00:00", id="Arizona in summer"
        ),
        pytest.param(
            "2013-03-10T05:30Z",
            331,
            "MIA",
            1096,
            "2013-03-10T07:31:00+00:00",
            id="clocks went forward on the way",
        ),
        pytest.param(
            "2013-11-03T04:45Z",
            210,
            "BOS",
            187,
            "2013-11-03T07:10:00+00:00",
            id="clocks went back just before",
        ),
        pytest.param(
            "2013-11-03T03:30Z", 130, "BOS", 187, "2013-11-03T05:30:00+00:00", id="first 1:30 of two"
        ),
        pytest.param(
            "2013-11-03T05:30Z", 130, "BOS", 187, "2013-11-03T06:30:00+00:00", id="second 1:30 of two"
        ),
    ],
)
def test_scheduled_arrival(departure: str, hhmm: int, destination: str, miles: float, expected: str) -> None:
    assert arrival(departure, hhmm, destination, miles) == expected


def test_an_unknown_destination_is_refused() -> None:
    with pytest.raises(KeyError):
        arrival("2013-07-01T12:00Z", 930, "QQQ", 187)
