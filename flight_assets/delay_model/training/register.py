"""Register a regressor trained elsewhere: interval, probabilities and figures come from real flights."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from flight_assets.contracts.features import FEATURE_CONTRACT_VERSION, FEATURES_OF_VERSION
from flight_assets.delay_model.evaluate import COVERAGE
from flight_assets.delay_model.registry.model import PICKLED, Manifest, PickledModel, Regressor
from flight_assets.delay_model.registry.pickled import load_pickle
from flight_assets.delay_model.serving.conformal import tail_factor
from flight_assets.delay_model.serving.predict import predict
from flight_assets.delay_model.training.config import TrainConfig
from flight_assets.delay_model.training.dataset import Dataset
from flight_assets.delay_model.training.report import measure
from flight_assets.delay_model.training.split import CALIBRATION, TEST
from flight_assets.delay_model.training.train import Arrived

# Half a per cent apart: finer than the figures computed from them.
RESIDUAL_LEVELS = np.arange(1, 200) / 200


def registered(content: bytes, pinned_sha256: str, data: Dataset, config: TrainConfig) -> PickledModel:
    """Return the regressor of a pickle as a version of the delay model.

    It gives one number per flight. The 90 % interval around it comes from its errors on the calibration
    flights, so it has one width for all flights. The method is split conformal, each tail alone (Lei et al.
    2018, JASA 113, 1094–1111). Its training data is unknown here: if it has seen the test period, its figures
    are too good.

    Raises:
        RefusedPickleError: the hash is not the pinned one, or there is no regressor in it.
        UnfitFeaturesError: it does not give a number for each row of this version's features.
        TooFewFlightsError: there are too few flights to calibrate with.
    """
    regressor = load_pickle(content, pinned_sha256)
    version = _version_for(regressor)
    names = list(FEATURES_OF_VERSION[version])
    arrived = Arrived.of(config, data.flights, data.features[names])
    draft = PickledModel(regressor, content, _draft(content, arrived, version))
    used = arrived.parts[CALIBRATION]
    said = predict(draft, arrived.features[used])["predicted_delay_minutes"].to_numpy(np.float64)
    residuals = arrived.target[used].astype(np.float64) - said
    each_tail, minute = (1 + COVERAGE) / 2, np.ones(len(residuals))
    below, above = (max(tail_factor(side, minute, each_tail), 0.0) for side in (-residuals, residuals))
    manifest = replace(
        draft.manifest,
        conformal_factors=(below, above),
        typical_width_minutes=below + above,
        residual_quantiles=tuple(np.quantile(residuals, RESIDUAL_LEVELS).tolist()),
    )
    model, test = PickledModel(regressor, content, manifest), arrived.parts[TEST]
    figures = measure(model, arrived.flights[test], arrived.features[test]) if test.any() else {}
    return PickledModel(regressor, content, replace(manifest, metrics=figures))


def _version_for(regressor: Regressor) -> int:
    """Return the version of the features that a regressor says it takes by their number; else the newest."""
    count = getattr(regressor, "n_features_in_", None)
    fitting = (version for version, names in FEATURES_OF_VERSION.items() if len(names) == count)
    return next(fitting, FEATURE_CONTRACT_VERSION)


def _draft(content: bytes, arrived: Arrived, version: int) -> Manifest:
    ranges = {name: arrived.ranges[name] for name in (CALIBRATION, TEST) if name in arrived.ranges}
    return Manifest(
        **arrived.about() | {"feature_contract_version": version},
        version=f"pickled-{hashlib.sha256(content).hexdigest()[:8]}",
        training={"ranges": ranges, "baselines": arrived.baselines()},
        metrics={},
        codes={},
        mean_blend=(),
        conformal_factors=(0.0, 0.0),
        typical_width_minutes=1.0,
        kind=PICKLED,
        residual_quantiles=(0.0,),
    )
