"""What can be wrong with a model or with what it is given.

FlightsError
└── ModelError               anything about a delay model
    ├── CorruptModelError    a file is missing, is not the one that was written, or cannot be read
    ├── UnfitFeaturesError   the features are not the model's, or the model's are not the contract's
    ├── TooFewFlightsError   a part of the training range holds too few flights
    └── RefusedPickleError   a pickled regressor is not the one whose hash is pinned
"""

from __future__ import annotations

from flight_assets.errors import FlightsError


class ModelError(FlightsError):
    """Something about a delay model."""


class CorruptModelError(ModelError):
    """A file of the artifact is missing, changed or unreadable."""


class UnfitFeaturesError(ModelError):
    """Features and model do not belong together."""


class TooFewFlightsError(ModelError):
    """Not enough flights to train, to stop, or to calibrate with."""


class RefusedPickleError(ModelError):
    """A pickle that nobody vouched for."""
