"""Cancellation wave: an airport or airline cancels far more than it usually does."""

from flight_assets.events.model import Parameter, Pattern
from flight_assets.events.patterns.unusual_share import UnusualShare
from flight_assets.events.schedule import CANCELLATIONS, PLANNED

RULE = UnusualShare("cancellation_wave", "cancelled", CANCELLATIONS, PLANNED, end="origin", decimals=1)

PATTERN = Pattern(
    RULE.pattern,
    "an airport or airline cancels far more flights than its own usual share",
    "critical",
    (
        Parameter("alpha", 1e-5, "probability", "greatest chance of such a window when nothing is wrong"),
        Parameter("window_minutes", 120, "minutes", "length of the window"),
        Parameter("least_cancelled", 5, "flights", "cancellations without which nothing is said"),
        Parameter("times_usual", 3, "times", "multiple of the usual share from which it is a wave"),
        Parameter("usual_share", 0.02, "share", "share that is usual before anything is learnt"),
        Parameter("usual_weight", 200, "flights", "flights that this first guess counts as"),
    ),
    ("scheduled", "cancelled"),
    "fewer than five cancellations in two hours, or less than twice the usual share",
    on_tick=RULE.on_tick,
)
