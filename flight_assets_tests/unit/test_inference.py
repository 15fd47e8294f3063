"""Features on their way through Spark: one binary value per flight, and back to the same bits."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from flight_assets.contracts.features import FEATURE_NAMES
from flight_assets.pipeline.inference import pack, unpack


@pytest.fixture
def features() -> pd.DataFrame:
    values = np.random.default_rng(3).normal(size=(50, len(FEATURE_NAMES))).astype(np.float32)
    values[::7, ::5] = np.nan
    return pd.DataFrame(values, columns=list(FEATURE_NAMES))


def test_unpacked_features_are_those_that_were_packed_to_the_bit(features) -> None:
    there_and_back = unpack(pack(features)).to_numpy()
    np.testing.assert_array_equal(there_and_back.view(np.int32), features.to_numpy().view(np.int32))


def test_a_slice_holds_its_own_rows(features) -> None:
    pd.testing.assert_frame_equal(unpack(pack(features)[10:20]), features[10:20].reset_index(drop=True))


def test_no_flights_are_no_rows_of_all_features() -> None:
    assert unpack(pa.array([], pa.binary())).shape == (0, len(FEATURE_NAMES))


def test_bytes_of_another_number_of_features_are_refused() -> None:
    with pytest.raises(pa.ArrowInvalid):
        unpack(pa.array([bytes(12)]))
