"""Diversion cluster: several flights to one airport land elsewhere within two hours."""

from flight_assets.events.model import Parameter, Pattern
from flight_assets.events.patterns.unusual_share import UnusualShare
from flight_assets.events.schedule import DIVERSIONS, LANDINGS

RULE = UnusualShare("diversion_cluster", "diverted", DIVERSIONS, LANDINGS, end="destination", decimals=2)

PATTERN = Pattern(
    RULE.pattern,
    "several flights planned to one airport, or of one airline, were diverted within two hours",
    "critical",
    (
        Parameter("alpha", 1e-3, "probability", "greatest chance of such a window when nothing is wrong"),
        Parameter("window_minutes", 120, "minutes", "length of the window"),
        Parameter("least_diverted", 3, "flights", "diversions without which nothing is said"),
        Parameter("usual_share", 0.0025, "share", "share that is usual before anything is learnt"),
        Parameter("usual_weight", 1000, "flights", "flights that this first guess counts as"),
    ),
    ("diverted", "arrived"),
    "fewer than three diversions in two hours",
    on_tick=RULE.on_tick,
)
