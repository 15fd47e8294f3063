"""The judge of fuzzing finds what it is to find: each test makes one thing wrong that was right."""

from __future__ import annotations

from datetime import UTC, datetime

from flight_assets.contracts.tables import BATCH_METADATA, QUARANTINE, STAGING
from flight_assets_tests.fuzz import judge
from flight_assets_tests.unit.test_provenance import record


class Table:
    """The rows of a table, as the warehouse gives them."""

    def __init__(self, rows: list[dict]) -> None:
        self._rows = rows

    def select(self, *columns: str) -> Table:
        self._columns = columns
        return self

    def toArrow(self):  # noqa: N802 - Spark's name
        import pyarrow as pa

        return pa.table({name: [row[name] for row in self._rows] for name in self._columns})


class Warehouse:
    def __init__(self, **tables: list[dict]) -> None:
        self._tables = tables

    def read(self, table) -> Table:
        return Table(self._tables[table.name])


def event(offset: int, name: str = "a") -> dict:
    at = datetime(2025, 1, 1, tzinfo=UTC)
    return {"event_id": name, "partition": 0, "offset": offset, "took": at, "happened": at}


def positions(offsets: list[int], column: str, value: str) -> list[dict]:
    return [{"kafka_partition": 0, "kafka_offset": offset, column: value} for offset in offsets]


def problems_of_positions(staged: list[int], rejected: list[int]) -> list[str]:
    house = Warehouse(
        **{
            STAGING.name: positions(staged, "event_id", "a"),
            QUARANTINE.name: positions(rejected, "reason", "not_json"),
        }
    )
    verdicts = judge.Verdicts(2, {(0, 7): "not_json"})
    return list(judge._of_positions(house, [event(5)], verdicts, {0: 5}))


def test_each_message_is_in_the_one_table_that_it_must_be_in() -> None:
    assert problems_of_positions([5], [7]) == []
    assert problems_of_positions([1, 5], [7]) == [], "what was there before is not judged"
    assert "1 differ" in problems_of_positions([], [7])[0]
    assert "positions twice" in problems_of_positions([5, 5], [7])[0]
    assert "1 differ" in problems_of_positions([5], [7, 8])[0]


def test_a_batch_is_judged_by_its_counters_its_row_and_the_topic() -> None:
    right = record(quarantined_by_reason={"not_json": 3})
    rows = [{"batch_id": 7, "record": right.to_json()}]
    verdicts = judge.Verdicts(30, {(0, offset): "not_json" for offset in range(3)})

    def found(batch=right, rows=rows, verdicts=verdicts) -> str:
        house = Warehouse(**{BATCH_METADATA.name: rows})
        return "; ".join(judge._of_counters([batch], verdicts, house))

    assert found() == ""
    assert "accounts for 31" in found(batch=right.model_copy(update={"staged": 26}))
    assert "the topic has 31" in found(verdicts=judge.Verdicts(31, verdicts.rejected))
    assert "rejected by reason" in found(verdicts=judge.Verdicts(30, {}))
    assert "two rows" in found(rows=rows * 2)
    assert "differ between their JSON and their row" in found(rows=[{"batch_id": 7, "record": "{}"}])


def test_the_first_of_several_messages_with_an_id_is_the_one_of_the_first_batch() -> None:
    records = [
        record(1, offsets={"0": {"first": 0, "last": 9}}),
        record(2, offsets={"0": {"first": 10, "last": 19}}),
    ]
    ordered = judge._in_order(records, [event(12), event(3), event(4)])
    assert [(each["batch"], each["offset"]) for each in ordered] == [(1, 3), (1, 4), (2, 12)]
