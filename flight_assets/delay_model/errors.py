"""Errors of a model or of its inputs.

FlightsError
└── ModelError               any error of a delay model
    ├── CorruptModelError    a file is missing, changed or unreadable
    ├── UnfitFeaturesError   features of the data, the model and the contract differ
    ├── TooFewFlightsError   a part of the training range has too few flights
    └── RefusedPickleError   the hash of a pickled regressor is not pinned
"""

from __future__ import annotations

from flight_assets.errors import FlightsError


class ModelError(FlightsError):
    """Error of a delay model."""


class CorruptModelError(ModelError):
    """Missing, changed or unreadable file of the artifact."""


class UnfitFeaturesError(ModelError):
    """Features that do not fit the model."""


class TooFewFlightsError(ModelError):
    """Too few flights to train, to stop early, or to calibrate."""


class RefusedPickleError(ModelError):
    """Pickle without a pinned hash."""
