"""What can be wrong with a model or with what it is given.

FlightsError
└── ModelError          anything about a delay model
    ├── CorruptModel    a file is missing, is not the one that was written, or cannot be read
    ├── UnfitFeatures   the features are not the model's, or the model's are not the contract's
    ├── TooFewFlights   a part of the training range holds too few flights
    └── RefusedPickle   a pickled regressor is not the one whose hash is pinned
"""

from __future__ import annotations

from flight_assets.errors import FlightsError


class ModelError(FlightsError):
    """Something about a delay model."""


class CorruptModel(ModelError):
    """A file of the artifact is missing, changed or unreadable."""


class UnfitFeatures(ModelError):
    """Features and model do not belong together."""


class TooFewFlights(ModelError):
    """Not enough flights to train, to stop, or to calibrate with."""


class RefusedPickle(ModelError):
    """A pickle that nobody vouched for."""
