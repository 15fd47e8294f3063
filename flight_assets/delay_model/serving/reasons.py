"""Say in plain sentences what stands out about a flight, from the features of its forecast. Pure."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

MOST_REASONS = 3
INF = float("inf")


class _Sentence(NamedTuple):
    """Sentence that is said if a feature is between two bounds; ``{}`` takes its size."""

    feature: str
    least: float
    most: float
    words: str


# The first ones concern the flight itself, the others its surroundings.
_SENTENCES = (
    _Sentence("inbound_delay_minutes", 15, INF, "the inbound flight is {:.0f} minutes late"),
    _Sentence("inbound_slack_minutes", 0, 25, "the aircraft has only {:.0f} minutes on the ground"),
    _Sentence(
        "inbound_slack_minutes", -INF, -1, "the aircraft comes {:.0f} minutes after the planned departure"
    ),
    _Sentence(
        "aircraft_mean_departure_delay_24h", 30, INF, "the aircraft left {:.0f} minutes late on average"
    ),
    _Sentence(
        "origin_departing_current_delay_3h", 20, INF, "departures from its origin are {:.0f} minutes late"
    ),
    _Sentence("destination_arrived_mean_arrival_delay_3h", 20, INF, "arrivals there are {:.0f} minutes late"),
    _Sentence(
        "airline_departing_current_delay_2h", 20, INF, "the airline's flights leave {:.0f} minutes late"
    ),
    _Sentence(
        "origin_planned_overdue_ratio_2h", 0.3, INF, "{:.0%} of the planned departures there are overdue"
    ),
    _Sentence("origin_cancelled_share_3h", 0.1, 1, "{:.0%} of the flights from its origin are cancelled"),
    _Sentence("visibility_miles", 0, 3, "visibility at its origin is {:.1f} miles"),
    _Sentence("wind_speed_mph", 25, INF, "the wind at its origin is {:.0f} mph"),
)


def reasons_in_words(features: pd.DataFrame) -> list[list[str]]:
    """Return for each row of features at most MOST_REASONS sentences; none if nothing stands out."""
    columns = [(sentence, features[sentence.feature].tolist()) for sentence in _SENTENCES]
    said: list[list[str]] = []
    for row in range(len(features)):
        # An unknown value holds for nothing.
        found = [
            each.words.format(abs(values[row]))
            for each, values in columns
            if each.least <= values[row] <= each.most
        ]
        said.append(found[:MOST_REASONS])
    return said
