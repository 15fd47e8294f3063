"""Training on files of flights: the model learns what they say, and names them by their hash."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from flight_assets.cli import main
from flight_assets.delay_model.errors import TooFewFlightsError
from flight_assets.delay_model.registry.artifact import read_folder, write_folder
from flight_assets.delay_model.training.config import BoosterSettings
from flight_assets.delay_model.training.files import train_on_files

FEW = BoosterSettings(rounds=10, max_depth=3, eta=0.3)
SMALL = {"mean": FEW, "quantiles": FEW, "late": FEW, "early_stopping_rounds": 5}
AIRPORTS = ("ATL", "ORD", "DEN", "LAX", "PHX", "SEA")


def on_time(folder: Path, days: int, flights_a_day: int = 700) -> Path:
    """Write random flights in the Bureau's layout, later in the day more delayed."""
    rng = np.random.default_rng(8)
    count = days * flights_a_day
    day = np.repeat(pd.date_range("2008-01-01", periods=days).strftime("%Y-%m-%d"), flights_a_day)
    hour, minute = rng.integers(5, 23, count), rng.integers(0, 60, count)
    ends = np.array([rng.choice(AIRPORTS, 2, replace=False) for _ in range(count)])
    delay = np.rint((hour - 5) * 2 + rng.exponential(10, count) - 8)
    rows = pd.DataFrame(
        {
            "FlightDate": day,
            "Reporting_Airline": rng.choice(["UA", "WN", "DL"], count),
            "Flight_Number_Reporting_Airline": np.tile(np.arange(1, flights_a_day + 1), days),
            "Tail_Number": [f"N{number}" for number in rng.integers(100, 180, count)],
            "Origin": ends[:, 0],
            "Dest": ends[:, 1],
            "CRSDepTime": [f"{h:02}{m:02}" for h, m in zip(hour, minute, strict=True)],
            "CRSElapsedTime": rng.integers(70, 300, count),
            "DepDelay": delay,
            "ArrDelay": delay + rng.integers(-9, 9, count),
            "Cancelled": 0,
            "Distance": rng.integers(300, 1_800, count),
        }
    )
    path = folder / "on_time.csv"
    rows.to_csv(path, index=False)
    return path


def test_a_model_of_files_knows_its_flights_and_names_the_files(tmp_path: Path):
    path, said = on_time(tmp_path, days=8), []
    trained = train_on_files([path], tmp_path / "scratch", said.append, general=False, given=SMALL)
    manifest = trained.model.manifest
    assert manifest.training["files"] == {"on_time.csv": hashlib.sha256(path.read_bytes()).hexdigest()}
    assert sum(part["flights"] for part in manifest.training["ranges"].values()) == 8 * 700
    assert manifest.metrics["test"]["mae_vs_median"] < 0.95
    assert any("test: 700 flights of 1 days, 2008-01-08 to 2008-01-08" in text for text in said)
    write_folder(trained.model, tmp_path / "model")
    assert read_folder(tmp_path / "model").manifest.version == manifest.version
    assert "on_time.csv" in (tmp_path / "model" / "model_card.md").read_text()


def test_files_of_too_few_days_say_what_is_missing(tmp_path: Path):
    path = on_time(tmp_path, days=3)
    with pytest.raises(TooFewFlightsError, match="2,100 arrived flights of 3 days.*900 flights and 2 days"):
        train_on_files([path], tmp_path / "scratch", lambda _: None, general=False, given=SMALL)


@pytest.mark.parametrize(
    "arguments",
    [["--source", "files"], ["--source", "warehouse", __file__], ["--general"], ["--to", "model"]],
)
def test_options_that_do_not_go_together_are_wrong_use(arguments: list[str]):
    result = CliRunner().invoke(main, ["model", "train", *arguments])
    assert result.exit_code == 2, result.output
    assert "--source files" in result.output
