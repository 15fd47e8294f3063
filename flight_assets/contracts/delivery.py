"""The optional values that each source delivers. The completeness of a message is measured against them.

A source without tail numbers is not worse for having none. A source of which nothing is declared is held
against all optional values.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

# Optional fields that a complete event of any type has. The contract, not the score, demands the delays.
SCORED_FIELDS = ("tail_number", "scheduled_arrival")
WEATHER = "weather"
EVERYTHING = frozenset((*SCORED_FIELDS, WEATHER))
_FLIGHT = frozenset(SCORED_FIELDS)

# By the name in the field ``source`` of a message. ``weather`` stands for its nine values.
DELIVERS: Mapping[str, frozenset[str]] = {
    "bts-prezip": _FLIGHT,
    "bts-t-ontime": _FLIGHT,
    "data-expo": _FLIGHT,
    "kaggle-2015": _FLIGHT,
    "nycflights": _FLIGHT,
    "aeroapi": _FLIGHT,
    "firehose": _FLIGHT,
    "anac-vra": frozenset({"scheduled_arrival"}),
}


def declared(own: Mapping[str, Collection[str]]) -> dict[str, frozenset[str]]:
    """Return what each source delivers: that of ``own`` before that of DELIVERS.

    Raises:
        ValueError: ``own`` names a value that is none of EVERYTHING.
    """
    for source, values in own.items():
        if unknown := set(values) - EVERYTHING:
            raise ValueError(
                f"{source} delivers {', '.join(sorted(unknown))}: known are {', '.join(sorted(EVERYTHING))}"
            )
    return {**DELIVERS, **{source: frozenset(values) for source, values in own.items()}}
