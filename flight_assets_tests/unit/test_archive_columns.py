"""Documents as columns and back: nothing is lost on the way to a file, and what is built by columns is what
is built one by one.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
from bson import BSON

from flight_assets.archive import columns
from flight_assets.archive.checksum import checksum
from flight_assets.bench.hot_flights import fact_rows
from flight_assets.contracts.tables import FACT, PREDICTED_COLUMNS
from flight_assets.stores import mongo_documents

MIDNIGHT = datetime(2026, 11, 15, tzinfo=UTC)


def rows() -> list[dict]:
    """Flights of both sides of a midnight, one without a prediction, one without weather, one with
    microseconds before 1970.
    """
    made = list(fact_rows(40, MIDNIGHT - timedelta(hours=1), MIDNIGHT + timedelta(hours=1)))
    made[3] |= dict.fromkeys(PREDICTED_COLUMNS)
    made[4] |= {"weather": None, "tail_number": None, "scheduled_arrival": None}
    made[5] |= {"timestamp": datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)}
    return made


def table() -> pa.Table:
    schema = pa.schema([*columns.file_schema(), pa.field("processing_date", pa.date32())])
    return pa.Table.from_pylist(rows(), schema).select(list(FACT.column_names))


def test_documents_built_by_columns_are_those_built_one_by_one():
    one_by_one = [mongo_documents.document(row) for row in rows()]
    by_columns = columns.documents(table())
    # As BSON, so that the order of fields and the kinds of times and numbers count.
    assert [BSON.encode(document) for document in by_columns] == [
        BSON.encode(document) for document in one_by_one
    ]


def test_parts_are_of_one_date_each_sorted_and_complete():
    parts = columns.by_date(table())
    assert [part.processing_date for part in parts] == [
        (MIDNIGHT - timedelta(days=1)).date(),
        MIDNIGHT.date(),
    ]
    assert sorted(flight for part in parts for flight in part.rows["flight_id"].to_pylist()) == sorted(
        row["flight_id"] for row in rows()
    )
    for part in parts:
        assert part.rows["flight_id"].to_pylist() == sorted(part.rows["flight_id"].to_pylist())
        assert part.rows.schema.equals(columns.file_schema())
        assert (
            columns.date_of(f"{columns.date_directory(part.processing_date)}/part-00000-000.parquet")
            == part.processing_date
        )


def test_a_file_gives_back_what_was_written():
    part = columns.by_date(table())[0].rows
    sink = io.BytesIO()
    pq.write_table(part, sink, compression="snappy", row_group_size=7)
    back = pq.read_table(sink)
    assert back.schema.equals(columns.file_schema())
    assert checksum(back) == checksum(part)


def test_ranges_are_those_of_the_rows():
    part = columns.by_date(table())[0].rows
    found = columns.ranges(part)
    ids = sorted(part["flight_id"].to_pylist())
    assert (found["first_flight_id"], found["last_flight_id"]) == (ids[0], ids[-1])
    assert datetime.fromisoformat(found["first_ingestion"]) == MIDNIGHT - timedelta(hours=1)
    assert found["last_batch_id"] == 0
