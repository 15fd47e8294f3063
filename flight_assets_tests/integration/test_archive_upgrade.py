"""Tables over archives that an older version made, on real services."""

from __future__ import annotations

import pytest

from flight_assets.archive import files
from flight_assets.archive.record import ARCHIVE_ROOT
from flight_assets.contracts.tables import FACT
from flight_assets_tests.integration.cold_store import OWN

pytestmark = pytest.mark.integration


def test_tables_of_an_older_version_gain_the_columns_that_were_added_since(archive_store) -> None:
    store = archive_store
    for record in store.archives.records():
        store.give_up(record)
    spark = store.house.spark
    spark.sql(f"DROP TABLE IF EXISTS {OWN}.{files.FILES}").collect()
    spark.sql(
        f"CREATE TABLE {OWN}.{files.FILES} (flight_id STRING, archive_id STRING, processing_date DATE) USING"
        " parquet PARTITIONED BY (archive_id, processing_date) LOCATION"
        f" '{store.settings.hdfs_path(ARCHIVE_ROOT)}/_table'"
    ).collect()
    for view, table in ((files.VIEW, files.FILES), (files.UNITED, FACT.name)):
        spark.sql(
            f"CREATE OR REPLACE VIEW {OWN}.{view} AS SELECT flight_id, '' AS archive_id FROM {OWN}.{table}"
        ).collect()
    ids = store.fill_both(days=1, a_day=3)
    record = store.archiver().run()
    for name in (files.FILES, files.VIEW, files.UNITED):
        rows = spark.table(f"{OWN}.{name}").where(f"archive_id = '{record.archive_id}'").collect()
        assert {row.flight_id: row.airline for row in rows} == {name: name[:2] for name in ids}
        assert {*FACT.column_names, "archive_id"} <= set(rows[0].asDict())
