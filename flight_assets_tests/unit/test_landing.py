"""The offsets that a batch takes, those that retention took before, and what its files say afterwards."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from flight_assets.errors import FlightsError
from flight_assets.pipeline import new_topic
from flight_assets.provenance import OffsetRange, archive_id
from flight_assets.stores import landing, lease
from flight_assets.stores.kafka_arrow import arrow
from flight_assets.stores.kafka_records import Record
from flight_assets.stores.landing_plan import MESSAGES_PER_TASK, Share, most_messages, shared_out, within
from flight_assets.stores.topic_lag import expired_ranges, has_news
from flight_assets_tests.record_batches import (
    ABORT,
    BROKER_TIME,
    TOOK_AT_MS,
    TRANSACTIONAL,
    batch,
    marker,
    record,
)
from flight_assets_tests.unit import test_provenance
from flight_assets_tests.unit.landed import Land
from flight_assets_tests.unit.test_kafka_reader import Broker, three


def test_news_are_offsets_that_have_not_landed_also_of_a_partition_that_was_added():
    assert not has_news({0: 5, 1: 7}, {"0": 5, "1": 7})
    assert has_news({0: 5, 1: 8}, {"0": 5, "1": 7})
    assert has_news({0: 5, 1: 7, 2: 1}, {"0": 5, "1": 7})
    assert not has_news({0: 5, 1: 7, 2: 0}, {"0": 5, "1": 7})


def test_a_topic_shorter_than_what_has_landed_is_refused():
    with pytest.raises(FlightsError, match="deleted or truncated"):
        has_news({0: 4}, {"0": 5})


def test_offsets_that_expired_before_they_landed_are_lost_and_no_others():
    assert expired_ranges({0: 5, 1: 3}, {"0": 5, "1": 7}) == {}
    assert expired_ranges({0: 9, 1: 7}, {"0": 5, "1": 7}) == {"0": OffsetRange(first=5, last=8)}
    assert expired_ranges({0: 5, 2: 4}, {"0": 5}) == {"2": OffsetRange(first=0, last=3)}, (
        "a partition that was added later"
    )


def test_what_expired_before_the_platform_began_is_not_lost():
    assert expired_ranges({0: 100, 1: 200}, {}) == {}


@pytest.mark.parametrize("most_tasks", [1, 2, 3, 8])
@pytest.mark.parametrize(
    "ranges",
    [
        {0: (5, 6)},
        {0: (0, 250_000), 1: (7, 8)},
        {0: (3, 90_003), 1: (0, 70_000), 2: (500, 90_499)},
        {2: (0, MESSAGES_PER_TASK), 5: (9, 9)},
    ],
)
def test_tasks_share_every_offset_once_in_order_and_evenly(ranges, most_tasks):
    tasks = shared_out(ranges, most_tasks)
    taken = [
        (share.partition, offset)
        for task in tasks
        for share in task
        for offset in range(share.first, share.last + 1)
    ]
    assert taken == [
        (number, offset) for number, (first, end) in sorted(ranges.items()) for offset in range(first, end)
    ]
    sizes = [sum(share.last + 1 - share.first for share in task) for task in tasks]
    assert max(sizes) - min(sizes) <= 1
    assert len(tasks) == 1 or min(sizes) >= MESSAGES_PER_TASK


def test_a_batch_takes_no_more_than_it_may_and_something_of_every_partition():
    assert within(100, {0: (0, 50), 1: (10, 60)}) == {0: 50, 1: 60}
    assert within(100, {0: (0, 900), 1: (10, 110), 2: (5, 6), 3: (4, 4)}) == {0: 89, 1: 19, 2: 6, 3: 4}


def test_after_large_messages_a_batch_takes_fewer():
    def before(mean: int):
        return test_provenance.record(record_count=1_000, message_bytes=1_000 * mean)

    assert most_messages(250_000, None) == most_messages(250_000, before(800)) == 250_000
    assert most_messages(250_000, before(20_000)) == 53_687
    assert most_messages(250_000, before(2_000_000_000)) == MESSAGES_PER_TASK


@pytest.fixture
def land(monkeypatch, tmp_path) -> Land:
    return Land(monkeypatch, tmp_path)


def test_a_batch_is_planned_before_it_is_read_and_planned_the_same_when_it_comes_again(land):
    land.partitions = {0: Broker([three(0), three(3)]), 1: Broker([three(0)])}
    plan = land.plan()
    assert plan.tasks == [[Share(partition=0, first=0, last=5), Share(partition=1, first=0, last=2)]]
    assert land.files.exists("/metadata/plans/batch_00000000.json")
    land.partitions[0] = Broker([three(0), three(3), three(6)])
    assert land.plan() == plan
    record = land.finish(plan)
    assert (record.record_count, record.off, record.without_message, record.lost) == (9, 0, 0, {})
    assert record.offsets == {"0": OffsetRange(first=0, last=5), "1": OffsetRange(first=0, last=2)}
    assert (record.next_offsets, record.archive_id) == ({"0": 6, "1": 3}, archive_id(0))
    assert record.message_bytes == 9 * len(b"key0")
    assert record.timestamp == record.oldest == datetime.fromtimestamp(TOOK_AT_MS / 1000, UTC)
    assert [(column.name, column.type) for column in record.schema_] == [
        tuple(column.lower().split()) for column in landing.RAW_COLUMNS.split(", ")
    ]
    following = land.plan()
    assert (following.batch_id, following.ranges) == (1, {0: OffsetRange(first=6, last=8)})
    assert not land.files.exists("/metadata/plans/batch_00000000.json"), "plans do not pile up"
    land.finish(following)
    assert land.plan() is None


def test_a_plan_that_the_topic_can_no_longer_meet_is_made_anew(land):
    land.partitions = {0: Broker([three(0), three(3)])}
    assert land.plan().ranges[0].last == 5
    land.partitions = {0: Broker([three(0)])}
    assert land.plan().ranges[0].last == 2


def test_a_topic_that_was_created_again_is_refused_also_when_it_is_longer_than_before(land):
    land.partitions = {0: Broker([three(0), three(3)])}
    land.finish(land.plan())
    land.id, land.partitions = "second", {0: Broker([three(0), three(3), three(6)])}
    with pytest.raises(FlightsError, match="created again.*flights ledger new-topic"):
        land.plan()
    land.id = ""
    assert land.plan().ranges == {0: OffsetRange(first=6, last=8)}, "a broker that gives no ids"


def test_a_plan_of_a_topic_that_was_created_again_is_refused(land):
    land.partitions = {0: Broker([three(0)])}
    land.plan()
    land.id = "second"
    with pytest.raises(FlightsError, match="created again"):
        land.plan()


@pytest.mark.parametrize("log", [[three(0)], [three(0), three(3), three(6)]])
def test_a_new_topic_is_read_from_its_beginning_and_the_batches_before_stay(land, monkeypatch, log):
    land.partitions = {0: Broker([three(0), three(3)])}
    first = land.finish(land.plan())
    land.id, land.partitions = "second", {0: Broker(log)}
    monkeypatch.setattr(new_topic, "Hdfs", lambda _: land.files)
    monkeypatch.setattr(lease, "hold", lambda *_: nullcontext())
    monkeypatch.setattr(new_topic, "_forget_live", lambda _: None)
    for _ in range(2):  # the command is repeated
        start = new_topic.start_new_topic(land.settings, "created again")
        assert (start.first_batch, start.offsets_before, start.reason) == (1, 6, "created again")
    assert land.ledger.next_offsets() == {}
    record = land.finish(land.plan())
    assert (record.batch_id, record.offsets) == (1, {"0": OffsetRange(first=0, last=3 * len(log) - 1)})
    assert (record.lost, record.off, land.ledger.next_offsets()) == ({}, 0, {"0": 3 * len(log)})
    assert land.ledger.record(0) == first
    land.partitions[0] = Broker([*log, three(3 * len(log))])
    assert land.finish(land.plan()).offsets == {"0": OffsetRange(first=3 * len(log), last=3 * len(log) + 2)}


ABORTED = [three(3, attributes=BROKER_TIME | TRANSACTIONAL, producer_id=7), (6, 6, marker(6, 7, ABORT))]


def test_offsets_without_messages_are_no_news_and_no_gaps(land):
    land.partitions = {0: Broker([three(0)]), 1: Broker([])}
    land.finish(land.plan())
    land.partitions[0] = Broker([three(0), *ABORTED], aborted=[(3, 7)])
    assert land.plan() is None
    land.partitions[0] = Broker([three(0), *ABORTED, three(7)], aborted=[(3, 7)])
    record = land.finish(land.plan())
    assert (record.record_count, record.without_message, record.off) == (3, 4, 0)
    assert record.offsets == {"0": OffsetRange(first=3, last=9)}


def test_a_batch_that_may_take_few_messages_takes_some_whatever_lies_before_them(monkeypatch, tmp_path):
    land = Land(monkeypatch, tmp_path, max_events_per_batch=2)
    land.partitions = {0: Broker([*ABORTED, three(7)], aborted=[(3, 7)])}
    assert [land.finish(land.plan()).record_count for _ in range(2)] == [2, 1]
    assert land.plan() is None


def test_a_partition_that_is_added_is_taken_from_its_beginning(land):
    land.partitions = {0: Broker([three(0)])}
    land.finish(land.plan())
    land.partitions[1] = Broker([three(0)])
    assert land.finish(land.plan()).offsets == {"1": OffsetRange(first=0, last=2)}
    assert land.ledger.next_offsets() == {"0": 3, "1": 3}


def test_a_topic_that_is_older_than_the_platform_is_taken_from_what_is_left_of_it(land):
    land.partitions = {0: Broker([three(6)], begin=6)}
    record = land.finish(land.plan())
    assert (record.lost, record.offsets) == ({}, {"0": OffsetRange(first=6, last=8)})


def test_what_retention_deletes_before_the_plan_or_after_it_is_lost(land):
    land.partitions = {0: Broker([three(0)]), 1: Broker([three(0)])}
    land.finish(land.plan())
    land.partitions = {0: Broker([three(6), three(9)], begin=6), 1: Broker([three(3), three(6)])}
    plan = land.plan()
    assert plan.lost == {"0": OffsetRange(first=3, last=5)}
    land.partitions = {0: Broker([three(9)], begin=9), 1: Broker([three(6)], begin=6)}
    record = land.finish(plan)
    assert record.lost == {"0": OffsetRange(first=3, last=8), "1": OffsetRange(first=3, last=5)}
    assert record.offsets == {"0": OffsetRange(first=9, last=11), "1": OffsetRange(first=6, last=8)}
    assert (record.record_count, record.without_message, record.off) == (6, 0, 0)


def test_what_is_deleted_after_it_has_landed_is_not_lost(land):
    land.partitions = {0: Broker([three(0), three(3)])}
    plan = land.plan()
    land.write(plan)
    land.partitions = {0: Broker([three(3)], begin=3)}
    record = land.describe()
    assert (record.lost, record.record_count, record.off) == ({}, 6, 0)


def rows_of(*offsets: int) -> pa.Table:
    """A file of partition 0 with these offsets."""
    records = [Record(offset, TOOK_AT_MS, b"key", b"%d" % offset, 1, b"") for offset in offsets]
    return pa.Table.from_batches([arrow(records, "flight_events", 0)])


@pytest.mark.parametrize(
    ("files", "off"),
    [
        ([[0, 1, 2, 3, 4, 5]], 0),
        ([[0, 1, 2], [3, 4, 5]], 0),
        ([[0, 1, 2, 4, 5]], 1),
        ([[0, 1, 2]], 3),
        ([[0, 1, 2, 3, 4, 5], [3, 4]], 2),
        ([[0, 1, 2, 3, 4, 5, 6]], 1),
    ],
)
def test_messages_that_the_files_lack_or_have_twice_are_off(land, files, off):
    land.partitions = {0: Broker([three(0), three(3)])}
    land.files.land(land.plan().batch_id, *(rows_of(*offsets) for offsets in files))
    assert land.describe().off == off


def test_a_directory_that_an_older_version_landed_is_taken_up_without_a_plan(land):
    land.partitions = {0: Broker([three(0)])}
    land.files.land(0, rows_of(0, 1, 2).drop_columns(["value_bytes"]))
    record = land.describe()
    assert (record.record_count, record.message_bytes, record.off) == (3, 12, 0)
    assert (record.offsets, record.next_offsets) == ({"0": OffsetRange(first=0, last=2)}, {"0": 3})


def test_what_cannot_be_read_is_counted(land):
    land.partitions = {0: Broker([three(0), (3, 5, batch(record(), 3, 3, is_corrupt=True)), three(6)])}
    found = land.finish(land.plan())
    assert (found.record_count, found.unreadable, found.without_message, found.off) == (7, 1, 2, 0)
    assert found.message_bytes == 6 * len(b"key0")
