"""SQL that creates the tables of the contract."""

from __future__ import annotations

from flight_assets.contracts.tables import Column, Table

# How long old versions of a table can be read and restored. After it, VACUUM removes files and a checkpoint
# removes log entries. Delta's default of 30 days would be 43,000 log files at a commit a minute, which every
# read lists. Delta refuses to keep the log shorter than the files.
RETENTION = "interval 7 days"


def table_properties(table: Table) -> dict[str, str]:
    """Return Delta's properties of a table: its retention, and the columns with statistics to skip files.

    By default, Delta keeps statistics of the first 32 columns only, which excludes batch_id.
    """
    skipping = {"delta.dataSkippingStatsColumns": ",".join(table.skipped_by)} if table.skipped_by else {}
    return skipping | {
        "delta.logRetentionDuration": RETENTION,
        "delta.deletedFileRetentionDuration": RETENTION,
    }


def create_statement(name: str, table: Table) -> str:
    """Return the SQL that creates a table with comments, partitioning and properties."""
    columns = ", ".join(map(column_definition, table.columns))
    partitioning = f"PARTITIONED BY ({', '.join(table.partitioned_by)})" if table.partitioned_by else ""
    properties = f"TBLPROPERTIES ({listed(table_properties(table))})"
    comment = f"COMMENT 'One row per {_comment(table.grain, '')}'"
    return f"CREATE TABLE IF NOT EXISTS {name} ({columns}) USING delta {partitioning} {comment} {properties}"


def listed(properties: dict[str, str]) -> str:
    """Return table properties as SQL lists them."""
    return ", ".join(f"'{key}' = '{value}'" for key, value in properties.items())


def column_definition(column: Column) -> str:
    """Return a column in the syntax of CREATE TABLE and ADD COLUMNS."""
    return f"{column.name} {column.type} COMMENT '{_comment(column.description, column.unit)}'"


def _comment(text: str, unit: str) -> str:
    return (f"{text} [{unit}]" if unit else text).replace("'", "’")
