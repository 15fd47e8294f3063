"""Marks of flights that are unlike the training flights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from flight_assets.contracts.features import FEATURE_NAMES, FEATURES
from flight_assets.delay_model.registry.model import Manifest
from flight_assets.delay_model.serving.domain import BORDERLINE, IN_DOMAIN, OUT_OF_DOMAIN, marks
from flight_assets.delay_model.serving.drift import reference

CODES = {"airline_code": (10.0, 11.0), "origin_code": (500.0, 501.0), "destination_code": (600.0, 601.0)}


@pytest.fixture(scope="module")
def trained() -> pd.DataFrame:
    """Features of training flights: ordinary numbers, all known."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(rng.normal(size=(4_000, len(FEATURE_NAMES))), columns=list(FEATURE_NAMES))
    for name, codes in CODES.items():
        if name in frame:
            frame[name] = rng.choice(codes, len(frame))
    return frame.astype(np.float32)


@pytest.fixture(scope="module")
def manifest(trained) -> Manifest:
    return Manifest(
        version="v1",
        feature_contract_version=1,
        features=FEATURE_NAMES,
        training={},
        data_fingerprint="",
        metrics={},
        library_versions={},
        codes={name: codes for name, codes in CODES.items() if name in FEATURE_NAMES},
        fill_rates=tuple(trained.notna().mean()),
        mean_blend=(),
        conformal_factors=(0.0, 0.0),
        typical_width_minutes=60.0,
        reference=reference(trained),
    )


def changed(trained: pd.DataFrame, **values: float) -> pd.DataFrame:
    return trained.head(1).assign(**{name: np.float32(value) for name, value in values.items()})


def test_the_training_flights_are_in_domain_and_have_no_reasons(manifest, trained):
    found = marks(manifest, trained)
    assert (found["domain_mark"] == IN_DOMAIN).mean() > 0.99
    assert found["domain_likeness"].mean() > 0.97


@pytest.mark.parametrize("name", [name for name in CODES if name in FEATURE_NAMES])
def test_an_unseen_code_lowers_the_likeness_and_is_named(manifest, trained, name):
    seen, unseen = marks(manifest, trained.head(1)), marks(manifest, changed(trained, **{name: 999.0}))
    assert unseen["domain_likeness"].iloc[0] == pytest.approx(0.6 * seen["domain_likeness"].iloc[0])
    assert f"{name.removesuffix('_code')} not in training" in unseen["domain_reasons"].iloc[0]


def test_values_that_training_never_had_are_counted(manifest, trained):
    windows = [feature.name for feature in FEATURES if feature.window != "message"]
    far = changed(trained, **dict.fromkeys(windows, 1e6))
    found = marks(manifest, far).iloc[0]
    assert found["domain_mark"] == OUT_OF_DOMAIN
    assert "of the features outside the training range" in found["domain_reasons"]


def test_a_flight_without_history_is_marked(manifest, trained):
    windows = [feature.name for feature in FEATURES if feature.window != "message"]
    found = marks(manifest, changed(trained, **dict.fromkeys(windows, np.nan))).iloc[0]
    assert (found["domain_mark"], found["domain_reasons"]) == (OUT_OF_DOMAIN, "little history")
    part = marks(manifest, changed(trained, **dict.fromkeys(windows[: len(windows) // 2], np.nan))).iloc[0]
    assert part["domain_mark"] == BORDERLINE


def test_no_flights_have_no_marks(manifest, trained):
    assert len(marks(manifest, trained.head(0))) == 0


def test_a_mark_is_the_same_to_the_bit_beside_any_other_flights(manifest, trained):
    rng = np.random.default_rng(6)
    some = trained.head(41).mask(rng.random((41, trained.shape[1])) < 0.4)
    uneven = replace(manifest, fill_rates=tuple(rng.uniform(0.5, 1, len(manifest.fill_rates))))
    together = marks(uneven, some)
    for size in (1, 2, 3, 5):
        parts = [marks(uneven, some[start : start + size]) for start in range(0, len(some), size)]
        pd.testing.assert_frame_equal(pd.concat(parts), together, check_exact=True)
