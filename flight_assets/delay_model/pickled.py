"""A user's own pre-trained regressor. Unpickling runs whatever the file says, so only a file whose hash is pinned is opened."""

from __future__ import annotations

import hmac
import pickle
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt

from flight_assets.delay_model.artifact import sha256
from flight_assets.delay_model.errors import RefusedPickleError


class Regressor(Protocol):
    """What a pickled model must offer: delays in minutes from a matrix in the order of the feature contract."""

    def predict(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """One prediction per row."""
        ...


def load_pickle(content: bytes, pinned_sha256: str) -> Regressor:
    """The regressor, if its SHA-256 is the pinned one.

    Raises:
        RefusedPickleError: no hash is pinned, the file has another one, or what is in it has no ``predict``.
    """
    found = sha256(content)
    if not pinned_sha256 or not hmac.compare_digest(found, pinned_sha256.lower()):
        pinned = pinned_sha256 or "none"
        raise RefusedPickleError(f"the pickle has the SHA-256 {found}, pinned is {pinned}; pin its hash only if you trust its origin")
    regressor = pickle.loads(content)  # noqa: S301 - the hash says that the user vouches for these very bytes
    if not callable(getattr(regressor, "predict", None)):
        raise RefusedPickleError(f"the pickle holds a {type(regressor).__name__} without a predict method; a regressor is needed")
    return cast(Regressor, regressor)
