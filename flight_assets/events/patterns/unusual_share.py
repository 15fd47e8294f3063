"""Shared rule of two patterns: far more flights than usual were cancelled, or diverted, in a window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flight_assets.events.model import MINUTE, Clear, Raise
from flight_assets.events.statistics import binomial_at_least

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flight_assets.events.model import Signal, Values
    from flight_assets.events.schedule import Schedule


@dataclass(frozen=True)
class UnusualShare:
    """Rule: ``happened`` to more flights of an airport or airline than its own usual share allows.

    ``happened`` is a flight's field, such as ``cancelled``. The learnt share and the parameter
    ``least_cancelled`` are named after it.

    ``hits`` and ``trials`` are measures of the schedule.

    ``end`` is the field with the flight's airport.
    """

    pattern: str
    happened: str
    hits: str
    trials: str
    end: str
    decimals: int

    def on_tick(self, schedule: Schedule, values: Values) -> Iterator[Signal]:
        """Compare the window of each airport and airline with its own usual share.

        Only with the parameter ``times_usual`` must it be a multiple of the usual share, and is it cleared
        below twice the usual share.
        """
        minutes, times = values["window_minutes"], values.get("times_usual", 0)
        for key in sorted({*schedule.keys(self.hits), *schedule.open_keys(self.pattern)}):
            hits = schedule.count(self.hits, key, minutes)
            if hits < values[f"least_{self.happened}"]:
                yield Clear(key, f"only {hits} {self.hits} in {minutes:.0f} minutes")
                continue
            trials = max(hits, schedule.count(self.trials, key, minutes))
            usual = schedule.share(self.happened, key, values["usual_share"], values["usual_weight"])
            chance = binomial_at_least(hits, trials, usual)
            if chance <= values["alpha"] and hits >= times * usual * trials:
                numbers = {self.happened: hits, self.trials: trials, "usual_share": usual, "chance": chance}
                yield self._found(key, numbers, minutes, schedule)
            elif times and hits < 2 * usual * trials:
                yield Clear(key, f"{self.hits} are back near their usual share")

    def _found(self, key: str, numbers: dict[str, float], minutes: float, schedule: Schedule) -> Raise:
        kind, _, name = key.partition(":")
        since = schedule.now - int(minutes * MINUTE)
        flights = sorted(
            (at, flight.flight_id)
            for flight in schedule.flights.values()
            if (at := getattr(flight, self.happened)) is not None
            and since <= at <= schedule.now
            and name == getattr(flight, self.end if kind == "airport" else "airline")
        )
        found = schedule.finding(self.pattern, key)
        return Raise(
            key,
            found.start if found else since,
            f"{numbers[self.happened]} of {numbers[self.trials]} flights of {name} were {self.happened} in "
            f"{minutes:.0f} minutes, where {numbers['usual_share']:.{self.decimals}%} are usual. "
            f"By chance this happens in {numbers['chance']:.1g} of such windows.",
            numbers,
            tuple(flight_id for _, flight_id in flights),
            airport=name if kind == "airport" else "",
            airline=name if kind == "airline" else "",
        )
