"""The walk-through of docs/sources.md on a running platform, and loading twice."""

from __future__ import annotations

import gzip
import json
import re
import shlex
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from flight_assets.contracts.dimensions import source_file
from flight_assets.contracts.tables import FACT
from flight_assets_tests.integration.conftest import run_command

pytestmark = pytest.mark.integration

DOCS = Path(__file__).parents[2] / "docs" / "sources.md"
EXAMPLE = "T_ONTIME.csv.gz"
DAYS = 31
# A model is trained on the export, so it covers a month; one flight in six keeps that short.
STEP = 6


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export in the Bureau's layout, of real flights that left New York in the first month of 2013."""
    source = pd.read_csv(source_file("flights.csv.zip"), dtype={"tailnum": object})
    some = source[(source["month"] == 1) & (source["day"] <= DAYS)].iloc[::STEP]
    frame = pd.DataFrame(
        {
            "FL_DATE": some["month"].astype(str) + "/" + some["day"].astype(str) + "/2013 12:00:00 AM",
            "OP_UNIQUE_CARRIER": some["carrier"],
            "TAIL_NUM": some["tailnum"],
            "OP_CARRIER_FL_NUM": some["flight"],
            "ORIGIN": some["origin"],
            "DEST": some["dest"],
            "CRS_DEP_TIME": some["sched_dep_time"].map("{:04d}".format),
            "DEP_DELAY": some["dep_delay"],
            "CRS_ARR_TIME": some["sched_arr_time"].map("{:04d}".format),
            "ARR_DELAY": some["arr_delay"],
            "CANCELLED": some["dep_delay"].isna().astype(float),
            "DIVERTED": (some["dep_delay"].notna() & some["arr_delay"].isna()).astype(float),
            "DISTANCE": some["distance"],
        }
    )
    path = tmp_path_factory.mktemp("export") / EXAMPLE
    path.write_bytes(gzip.compress(frame.to_csv(index=False).encode()))
    return path


def walk_through() -> list[list[str]]:
    """The commands of the page's walk-through, in order."""
    section = DOCS.read_text(encoding="utf-8").split("## Walk-through")[1].split("\n## ")[0]
    lines = [
        line.strip()
        for block in re.findall(r"```\n(.*?)```", section, re.DOTALL)
        for line in block.splitlines()
    ]
    return [shlex.split(line) for line in lines if line]


def test_the_walk_through_works_as_it_is_written(quiet_platform, house, count, export: Path) -> None:
    commands = walk_through()
    assert [words[1] for words in commands] == [
        "load",
        "validate",
        "load",
        "process",
        "load",
        "model",
        "model",
    ]
    before = count()
    survey = json.loads(run_command("flights", "load", str(export), "--dry-run", "--json").stdout)
    assert survey["layouts"] == {EXAMPLE: "bts-t-ontime"}
    assert survey["unusable_rows"] == 0
    for words in commands:
        run_command(*(str(export) if word == EXAMPLE else word for word in words))
        if words[1] == "process":
            after = count()
            # Other tests replay events of the same days, and the same event has the same id: then it is a
            # duplicate here.
            taken = sum(after[name] - before[name] for name in ("staged", "duplicate"))
            assert taken == sum(survey["events"].values())
            assert after["quarantined"] == before["quarantined"]
    flights = house.read(FACT).where(
        f"flight_date BETWEEN DATE'{date(2013, 1, 1)}' AND DATE'{date(2013, 1, DAYS)}'"
    )
    assert flights.count() >= survey["flights"]


def test_a_file_that_is_loaded_again_gives_duplicates_only(quiet_platform, count, export: Path) -> None:
    # The walk-through ends with messages that wait.
    run_command("flights", "process")
    before = count()
    loaded = [
        json.loads(run_command("flights", "load", str(export), "--json").stdout)["sent"] for _ in range(2)
    ]
    assert loaded[0] == loaded[1]
    run_command("flights", "process")
    after = count()
    staged, duplicate = (after[name] - before[name] for name in ("staged", "duplicate"))
    assert staged + duplicate == sum(each["acknowledged"] for each in loaded)
    assert duplicate >= loaded[1]["acknowledged"]


def test_reference_data_by_hand(quiet_platform) -> None:
    try:
        run_command("flights", "reference", "add", "airline", "ZZ", "--name", "Zed Air", "--country", "US")
        shown = json.loads(run_command("flights", "reference", "show", "ZZ", "--json").stdout)
        assert (shown["name"], shown["origin"]) == ("Zed Air", "user")
        assert "ZZ,Zed Air" in run_command("flights", "reference", "export", "airline").stdout
        run_command("flights", "reference", "unknown")
    finally:
        from flight_assets.contracts.tables import DIM_AIRLINE
        from flight_assets.stores import dimensions
        from flight_assets.stores.warehouse import open_warehouse

        warehouse = open_warehouse(quiet_platform)
        warehouse.spark.sql(f"DELETE FROM {warehouse.name(DIM_AIRLINE)} WHERE origin = 'user'").collect()
        dimensions.publish(quiet_platform, DIM_AIRLINE, dimensions.load(warehouse, DIM_AIRLINE)[0])


def test_a_feed_is_a_service_that_starts_and_stops_beside_the_others(quiet_platform) -> None:
    from flight_assets.platform import launcher
    from flight_assets.queries import operations

    before = {row.name: row.pid for row in launcher.status(quiet_platform)}
    try:
        run_command("flights", "feed", "start")
        told = json.loads(run_command("flights", "feed", "status", "--json").stdout)
        assert told["state"] == "running"
        assert told["newest_message"] is not None
        shown = operations.services(quiet_platform).set_index("service")
        assert shown.loc["producer", "works"], shown.loc["producer", "problem"]
        after = {row.name: row.pid for row in launcher.status(quiet_platform)}
        assert {name: after[name] for name in before} == before, "no other service was started again"
    finally:
        assert "has stopped" in run_command("flights", "feed", "stop").stdout
    assert "producer" not in {row.name for row in launcher.status(quiet_platform)}
    assert "no feed was running" in run_command("flights", "feed", "stop").stdout
