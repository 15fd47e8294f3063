"""Synthetic flights drawn from the days of a loaded file."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from flight_assets.contracts.reference import Reference, load_reference
from flight_assets.errors import FlightsError
from flight_assets.producer.events import Message
from flight_assets.producer.live import live_messages
from flight_assets.producer.pool import Pool, file_pool
from flight_assets.producer.synthetic import synthetic_messages
from flight_assets.sources.opening import Source
from flight_assets.sources.reading import sources_of
from flight_assets.sources.registry import layout_of
from flight_assets.sources.spool import Spool
from flight_assets.sources.survey import Surveyor
from flight_assets.transforms.check import check
from flight_assets.transforms.inputs import Checks
from flight_assets_tests.factories import raw_batch

NOW = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
HEADER = ",".join(
    (
        *("FL_DATE", "OP_UNIQUE_CARRIER", "OP_CARRIER_FL_NUM", "ORIGIN", "DEST", "CRS_DEP_TIME"),
        *("DEP_DELAY", "ARR_DELAY", "CRS_ELAPSED_TIME"),
    )
)  # Phoenix has no summer time, Honolulu is far behind, and Guam is a day ahead.
ROUTES = (("HNL", "PHX", 360), ("GUM", "HNL", 420), ("PHX", "DEN", 100), ("PHX", "DEN", 100))


@pytest.fixture(scope="module")
def reference() -> Reference:
    return load_reference()


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory, reference: Reference) -> Pool:
    folder = tmp_path_factory.mktemp("pool")
    rows = [
        f"2024-03-{day:02d},WN,{10 * hour + place},{origin},{destination},{hour:02d}15,5,-3,{minutes}"
        for day in range(1, 11)
        for hour in range(6, 22)
        for place, (origin, destination, minutes) in enumerate(ROUTES)
    ]
    path = folder / "a.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    sources: list[Source] = sources_of(path)
    spool = Spool(folder / "days")
    surveyor = Surveyor(reference, spool, folder / "unusable.csv")
    surveyor.survey([(source, layout_of(source)) for source in sources], lambda _: None)
    return file_pool(spool, reference)


def refuse_rejections(messages: list[Message], reference: Reference) -> None:
    batch = raw_batch([message.value for message in messages], taken_at=NOW + timedelta(days=30))
    rows = check(batch, Checks(reference)).to_pylist()
    assert Counter(row["reason"] for row in rows) == {None: len(messages)}


def local(event: dict[str, str], reference: Reference) -> datetime:
    departure = datetime.fromisoformat(event["scheduled_departure"])
    zone = reference.airports[event["origin"]][0].zone
    return departure.astimezone(ZoneInfo(zone))


def test_a_file_knows_its_zones_carriers_and_numbers(pool: Pool) -> None:
    assert pool.zones == ("America/Phoenix", "Pacific/Guam", "Pacific/Honolulu")
    assert pool.carriers == ("WN",)
    assert pool.numbers_per_seed == 33, "one more than the 32 flights a day from Phoenix"
    assert pool.events_per_flight == pytest.approx(3)


def test_synthetic_flights_keep_the_local_times_of_their_own_airports(
    pool: Pool, reference: Reference
) -> None:
    messages = list(synthetic_messages(4, 600, NOW, pool=pool))
    events = [json.loads(message.value) for message in messages]
    assert len(events) == 600
    assert {local(event, reference).strftime("%M") for event in events} == {"15"}
    assert {event["origin"] for event in events} == {"HNL", "GUM", "PHX"}
    for event in events:
        assert event["flight_id"].endswith(f"-{local(event, reference):%Y%m%d}")
    assert max(event["timestamp"] for event in events) <= "2026-11-23T08:30:00Z"
    refuse_rejections(messages, reference)


def test_the_live_stream_of_a_file_is_in_order_and_at_its_rate(pool: Pool, reference: Reference) -> None:
    start = pd.Timestamp(NOW)
    stream = live_messages(1, 0.02, NOW, pool=pool)
    messages = list(islice(stream, 3_000))
    times = [message.event_time_s for message in messages]
    assert times == sorted(times)
    after = [time for time in times if time >= start.timestamp()]
    assert len(after) / (after[-1] - after[0]) == pytest.approx(0.02, rel=0.15)
    for message in messages[::50]:
        event = json.loads(message.value)
        assert event["flight_id"].endswith(f"-{local(event, reference):%Y%m%d}")
    assert len({json.loads(message.value)["event_id"] for message in messages}) == len(messages)
    refuse_rejections(messages, reference)


def test_files_without_flights_are_refused(tmp_path, reference: Reference) -> None:
    with pytest.raises(FlightsError, match="hold no flight"):
        file_pool(Spool(tmp_path), reference)
