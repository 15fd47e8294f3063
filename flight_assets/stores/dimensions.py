"""The dimensions into the warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_assets.contracts import dimensions
from flight_assets.contracts.tables import DIM_AIRLINE, DIM_AIRPORT, Table

if TYPE_CHECKING:
    from flight_assets.stores.warehouse import Warehouse

SOURCES = {DIM_AIRLINE.name: dimensions.airlines, DIM_AIRPORT.name: dimensions.airports}


def load(house: Warehouse, table: Table) -> tuple[int, bool]:
    """Make a dimension equal to its source. Returns its number of rows, and whether anything had to be written."""
    source = SOURCES[table.name]()[list(table.column_names)]
    types = ", ".join(f"{column.name} {column.type}" for column in table.columns)
    wanted = house.spark.createDataFrame(source, types)
    present = house.read(table)
    is_same = present.count() == len(source) and wanted.exceptAll(present).isEmpty()
    if not is_same:
        house.replace(wanted, table)
    return len(source), not is_same
