"""Load a user's own pre-trained regressor. Unpickling runs code of the file, so its hash must be pinned."""

from __future__ import annotations

import hashlib
import hmac
import pickle
from typing import cast

from flight_assets.delay_model.errors import RefusedPickleError
from flight_assets.delay_model.registry.model import Regressor


def load_pickle(content: bytes, pinned_sha256: str) -> Regressor:
    """Return the regressor, if its SHA-256 is the pinned one.

    Raises:
        RefusedPickleError: no hash is pinned, the file has another one, or its object has no ``predict``.
    """
    found = hashlib.sha256(content).hexdigest()
    if not pinned_sha256 or not hmac.compare_digest(found, pinned_sha256.lower()):
        pinned = pinned_sha256 or "none"
        remedy = "set FLIGHTS_PICKLED_MODEL_SHA256 to it only if you trust its origin"
        raise RefusedPickleError(f"the pickle has the SHA-256 {found}, pinned is {pinned}; {remedy}")
    try:
        regressor = pickle.loads(content)  # noqa: S301 - the hash says that the user vouches for these very bytes
    except Exception as error:  # unpickling runs the file's own code, which may raise anything
        raise RefusedPickleError(
            f"the pickle cannot be opened ({error}): install what it was made with, or make it anew"
        ) from error
    if not callable(getattr(regressor, "predict", None)):
        raise RefusedPickleError(
            f"the pickle holds a {type(regressor).__name__} without a predict method; a regressor is needed"
        )
    return cast(Regressor, regressor)
