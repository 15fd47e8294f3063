"""Patterns, one file each. ``PATTERNS`` is the one table of them."""

from flight_assets.events.model import Pattern
from flight_assets.events.patterns import (
    cancellation_wave,
    conflict,
    diversion_cluster,
    feed_silence,
    forecast_anomaly,
    ground_stop,
    infeasible_turnaround,
    overdue,
    reactionary_chain,
    slow_down,
)

PATTERNS: tuple[Pattern, ...] = (
    reactionary_chain.PATTERN,
    infeasible_turnaround.PATTERN,
    overdue.PATTERN,
    ground_stop.PATTERN,
    slow_down.PATTERN,
    cancellation_wave.PATTERN,
    diversion_cluster.PATTERN,
    conflict.PATTERN,
    feed_silence.PATTERN,
    forecast_anomaly.PATTERN,
)
