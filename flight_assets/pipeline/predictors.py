"""Choose the models that predict in a run: the champion and, beside it, a challenger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flight_assets.delay_model.errors import ModelError

if TYPE_CHECKING:
    from flight_assets.settings import Settings
    from flight_assets.stores.models import ModelStore


@dataclass(frozen=True)
class Predictors:
    """Model versions of a run. ``problem``: one sentence on why there is no champion, or no challenger.

    ``keeps_trust``: the outcomes of a batch make a new trust state. A rebuild of old batches keeps none.
    """

    champion: str | None
    challenger: str | None = None
    pinned_sha256: str = ""
    problem: str | None = None
    keeps_trust: bool = True


def usable_predictors(settings: Settings, store: ModelStore) -> Predictors:
    """Return champion and challenger. A version that cannot be loaded or needs other features is left out."""
    pinned = settings.pickled_model_sha256
    state = store.state()
    if state is None or state.champion is None:
        return Predictors(
            None,
            None,
            pinned,
            "there is no delay model: flights stay without prediction until `flights model train` has run",
        )
    problem = _problem(store, state.champion, pinned)
    if problem:
        remedy = (
            "flights stay without prediction until `flights model rollback`, `promote` or `train` gives a"
            " usable one"
        )
        return Predictors(None, None, pinned, f"the champion cannot be used: {problem}; {remedy}")
    against = _problem(store, state.challenger, pinned) if state.challenger else None
    challenger = None if against else state.challenger
    return Predictors(
        state.champion, challenger, pinned, f"the challenger cannot be used: {against}" if against else None
    )


def _problem(store: ModelStore, version: str, pinned_sha256: str) -> str | None:
    try:
        store.load(version, pinned_sha256)
    except ModelError as error:
        return str(error)
    return None
