"""Names of codes, and codes that nobody knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from flight_assets.contracts.tables import DIM_AIRLINE, STAGING
from flight_assets.errors import FlightsError, StoreUnavailable
from flight_assets.stores import dimensions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flight_assets.contracts.reference import Reference
    from flight_assets.settings import Settings
    from flight_assets.stores.warehouse import Warehouse

COLUMN = "unknown_codes"
UNKNOWN_COLUMNS = ("field", "code", "events", "flights", "first_date", "last_date")


def airline_names(settings: Settings) -> Mapping[str, str]:
    """Return the name of each airline by IATA code: Redis has a user's own as well.

    Without Redis, the packaged ones.
    """
    try:
        rows = dimensions.look_up(settings, DIM_AIRLINE)
    except StoreUnavailable:
        rows = {}
    if not rows:
        rows = {row["code"]: row for row in dimensions.rows_with(DIM_AIRLINE, ()).to_dict("records")}
    return {code: rows[code]["name"] for code in sorted(rows)}


def unknown_codes(house: Warehouse) -> list[dict[str, Any]]:
    """Return one row per field and code of staged events that no airline or airport has.

    Columns: field, code, events, flights, first and last date.
    The most frequent first. Codes that have been added since are left out.

    Raises:
        FlightsError: the table is of an older version, which kept no unknown codes.
    """
    if COLUMN not in house.read(STAGING).columns:
        raise FlightsError(
            f"{STAGING.name} has no column {COLUMN}: stop and start the platform with `flights down` and"
            " `flights up`"
        )
    found = house.ask(
        f"SELECT substring_index(entry, ':', 1) AS field, substring_index(entry, ':', -1) AS code, "  # noqa: S608 - names of the contract
        f"count(*) AS events, "
        "count(DISTINCT flight_id) AS flights, min(flight_date) AS first_date, max(flight_date) AS last_date "
        f"FROM (SELECT flight_id, flight_date, explode({COLUMN}) AS entry FROM {house.name(STAGING)} WHERE"
        f" size({COLUMN}) > 0) "
        "GROUP BY field, code ORDER BY events DESC, field, code"
    )
    reference = dimensions.read_reference(house)
    rows: list[dict[str, Any]] = found.to_dict("records")
    return [row for row in rows if not _is_known(row, reference)]


def unknown_codes_table(house: Warehouse) -> pd.DataFrame:
    """One row per code that nobody knows, see ``unknown_codes``."""
    return pd.DataFrame(unknown_codes(house), columns=list(UNKNOWN_COLUMNS))


def _is_known(row: dict[str, Any], reference: Reference) -> bool:
    days = (row["first_date"], row["last_date"])
    if row["field"] == "airline":
        return all(reference.has_airline(row["code"], day) for day in days)
    return all(reference.zone(row["code"], day) for day in days)
