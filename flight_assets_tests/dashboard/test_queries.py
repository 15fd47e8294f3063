"""Queries against real stores with known flights: the fixture's flights can be counted by hand, so the
answers are known.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from statistics import pstdev, stdev

import pytest
from pyspark.sql import functions as F

from flight_assets.bench.warehouse_flights import DAYS, FLIGHTS
from flight_assets.contracts.tables import FACT
from flight_assets.errors import FlightsError
from flight_assets.queries import flight_rows, history
from flight_assets.queries.filters import Filters
from flight_assets.stores.warehouse import Warehouse, connect

pytestmark = pytest.mark.integration

# Source of the fixture's rows.
NUMBERS = range(FLIGHTS)
ARRIVED = [i for i in NUMBERS if i % 20]
ARRIVAL = {i: i % 41 - 10 for i in ARRIVED}
JUNE = Filters(first=date(2026, 6, 1), until=date(2026, 6, 30))


@pytest.fixture(scope="module")
def house(full_settings) -> Warehouse:
    return Warehouse(connect(full_settings), full_settings.warehouse_database)


def mean(values) -> float:
    values = list(values)
    return sum(values) / len(values)


def test_totals_of_a_month(house):
    row = history.totals(house, JUNE).iloc[0]
    assert (row.flights, row.arrived, row.cancelled) == (FLIGHTS, len(ARRIVED), FLIGHTS // 20)
    assert row.mean_arrival_delay == pytest.approx(mean(ARRIVAL.values()))
    assert row.late_share == pytest.approx(mean(delay >= 15 for delay in ARRIVAL.values()))
    assert row.mean_quality == pytest.approx(0.5)


def test_totals_without_flights_are_zero(house):
    row = history.totals(house, Filters(first=date(2030, 1, 1))).iloc[0]
    assert row.flights == 0
    assert row.mean_arrival_delay != row.mean_arrival_delay


def test_every_filter_narrows(house):
    of_route = [i for i in NUMBERS if i % 2 == 0 and i % 4 == 0 and i % 3 == 0 and i % DAYS < 10]
    filters = Filters(date(2026, 6, 1), date(2026, 6, 10), ("UA",), ("EWR",), ("IAH",), ("EWR-IAH",))
    assert history.totals(house, filters).iloc[0].flights == len(of_route)


def test_a_series_has_every_day_and_their_sum_is_the_total(house):
    frame = history.series(house, JUNE, "day")
    assert len(frame) == DAYS
    assert frame["flights"].sum() == FLIGHTS
    assert str(frame["begin"].iloc[0]) == "2026-06-01 00:00:00"


def test_days_without_flights_are_zero_in_a_series(house):
    frame = history.series(house, Filters(airlines=("UA",), origins=("EWR",)), "day")
    assert set(frame["flights"]) == {0, FLIGHTS // 6 // (DAYS // 6)}
    assert frame.loc[frame["flights"] == 0, "mean_arrival_delay"].isna().all()


@pytest.mark.parametrize(("period", "rows"), [("week", 5), ("month", 1)])
def test_longer_periods_sum_to_the_same(house, period, rows):
    frame = history.series(house, JUNE, period)
    assert (len(frame), frame["flights"].sum()) == (rows, FLIGHTS)


def test_hours_are_local_hours_of_departure(house):
    frame = history.series(house, Filters(first=date(2026, 6, 1), until=date(2026, 6, 1)), "hour")
    assert {begin.hour for begin in frame.loc[frame["flights"] > 0, "begin"]} == {
        6 + i % 14 for i in NUMBERS if i % DAYS == 0
    }


def test_sums_of_days_give_the_measures_of_any_part_of_them(house):
    """Counted by hand: the first ten days, and the Mondays among all."""
    sums = history.daily_sums(house, JUNE)
    of_ten_days = [i for i in NUMBERS if i % DAYS < 10]
    delays = [ARRIVAL[i] for i in of_ten_days if i in ARRIVAL]
    row = history.whole(history.part(sums, date(2026, 6, 1), date(2026, 6, 10))).iloc[0]
    assert (row.flights, row.arrived) == (len(of_ten_days), len(delays))
    assert row.mean_arrival_delay == pytest.approx(mean(delays))
    assert row.sd_arrival_delay == pytest.approx(pstdev(delays))
    assert row.late_share == pytest.approx(mean(delay >= 15 for delay in delays))
    assert row.cancelled_share == pytest.approx(1 - len(delays) / len(of_ten_days))
    assert row.mean_quality == pytest.approx(0.5)
    weekdays = history.by_weekday(sums).set_index("weekday")
    mondays = [i for i in NUMBERS if (i % DAYS) % 7 == 0]  # 1 June 2026 is one
    assert weekdays.loc[1, "flights"] == len(mondays)
    assert weekdays.loc[1, "mean_arrival_delay"] == pytest.approx(
        mean(ARRIVAL[i] for i in mondays if i in ARRIVAL)
    )
    assert weekdays["flights"].sum() == FLIGHTS


def test_airlines_are_ranked_by_flights(house):
    frame = history.by(house, JUNE, "airline")
    assert dict(zip(frame["airline"], frame["flights"], strict=True)) == dict.fromkeys(
        ("UA", "AA", "DL"), FLIGHTS // 3
    )


@pytest.mark.parametrize("measure", sorted(history.RANKED))
def test_groups_are_ranked_by_the_chosen_measure(house, measure):
    ranked = history.by(house, JUNE, "route", 40, measure)
    values = ranked.loc[ranked["flights"] >= history.FEW_FLIGHTS, measure].dropna()
    assert len(values) > 1
    assert values.is_monotonic_decreasing


def test_codes_that_occur_are_listed_with_their_flights(house):
    codes = history.codes(house)
    assert set(codes.loc[codes["field"] == "origin", "code"]) == {"EWR", "JFK"}
    assert codes.groupby("field")["flights"].sum().nunique() == 1, "each flight has one of each"


def test_airlines_side_by_side_add_up_to_the_totals(house):
    sides = history.side_by_side(house, replace(JUNE, airlines=("AA", "UA")), "airline")
    assert set(sides["code"]) == {"AA", "UA"}
    both = history.totals(house, replace(JUNE, airlines=("AA", "UA"))).iloc[0]
    assert sides["flights"].sum() == both["flights"]


def test_week_and_hours_hold_every_flight(house):
    frame = history.by_weekday_and_hour(house, JUNE)
    assert frame["flights"].sum() == FLIGHTS
    assert frame["weekday"].between(1, 7).all()


def test_distributions_of_predicted_and_actual_have_as_many_flights(house):
    frame = flight_rows.delay_distribution(house, JUNE)
    assert frame["predicted"].sum() == frame["actual"].sum() == len(ARRIVED)
    assert frame.loc[frame["minutes"] == 10, "predicted"].iloc[0] == len(ARRIVED)


def test_largest_errors_come_first(house):
    frame = flight_rows.largest_errors(house, JUNE, 5)
    worst = sorted((abs(delay - 10) for delay in ARRIVAL.values()), reverse=True)[:5]
    assert list(frame["error_minutes"].abs()) == worst
    errors = [delay - 10 for delay in ARRIVAL.values()]
    assert frame["z"].iloc[0] == pytest.approx(
        (frame["error_minutes"].iloc[0] - mean(errors)) / stdev(errors)
    )


def departure(i: int) -> datetime:
    return datetime(2026, 6, 1 + i % DAYS, 10 + i % 14, tzinfo=UTC)


def latest(numbers, count: int) -> list[datetime]:
    return sorted((departure(i) for i in numbers), reverse=True)[:count]


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        (Filters(), NUMBERS),
        (JUNE, NUMBERS),
        (Filters(airlines=("UA",)), [i for i in NUMBERS if i % 3 == 0]),
        (Filters(until=date(2026, 6, 12)), [i for i in NUMBERS if i % DAYS < 12]),
        (Filters(first=date(2026, 6, 30)), [i for i in NUMBERS if i % DAYS == 29]),
        (Filters(first=date(2030, 1, 1)), []),
    ],
)
def test_the_latest_flights_of_any_range_come_first_page_by_page(house, filters, numbers):
    whole = flight_rows.flights(house, filters, 2 * FLIGHTS)
    assert list(whole["scheduled_departure"]) == latest(numbers, FLIGHTS)
    pages = [flight_rows.flights(house, filters, 45, offset) for offset in (0, 45, 90)]
    assert [flight_id for page in pages for flight_id in page["flight_id"]] == list(whole["flight_id"])[:135]


def test_of_a_long_range_only_its_newest_days_are_read_where_they_are_enough(house, monkeypatch):
    asked = []
    read = flight_rows._flights
    monkeypatch.setattr(
        flight_rows,
        "_flights",
        lambda house, filters, *page: asked.append(filters.first) or read(house, filters, *page),
    )
    flight_rows.flights(house, Filters(until=date(2026, 7, 10)), 45)
    assert asked == [date(2026, 6, 9)]
    flight_rows.flights(house, Filters(until=date(2027, 6, 10)), 45)
    assert asked[1:] == [date(2027, 5, 10), date(2026, 6, 9)]
    flight_rows.flights(house, Filters(until=date(2029, 1, 1)), 45)
    assert asked[3:] == [date(2028, 12, 1), date(2028, 1, 1), None]


@contextmanager
def one_more(house, table, **changed):
    """A row of the table once more, with other values."""
    rows = house.read(table).limit(1)
    row = rows.withColumns(
        {name: F.lit(value).cast(rows.schema[name].dataType) for name, value in changed.items()}
    )
    row.write.format("delta").mode("append").saveAsTable(house.name(table))
    try:
        yield
    finally:
        name, value = next(iter(changed.items()))
        house.spark.sql(f"DELETE FROM {house.name(table)} WHERE {name} = '{value}'").collect()


def test_a_flight_of_a_date_just_before_the_newest_days_is_not_passed_over(house):
    late = datetime(2026, 6, 30, 23, 59, tzinfo=UTC)
    newest = Filters(until=date(2026, 7, 31))  # from 30 June on, of which there are 40 flights
    with one_more(
        house, FACT, flight_id="UA1-HNL-20260629", flight_date=date(2026, 6, 29), scheduled_departure=late
    ):
        assert flight_rows.flights(house, newest, 10)["flight_id"].iloc[0] == "UA1-HNL-20260629"


def test_a_flight_is_found_by_its_id_and_what_is_none_is_refused(house):
    assert flight_rows.flight(house, "ua1000-EWR-20260601").iloc[0].flight_number == 1000
    assert flight_rows.flight(house, "UA9999-EWR-20260601").empty
    assert flight_rows.flight(house, "UAL1000B-KEWR-20260601T2355").empty
    with pytest.raises(FlightsError, match="no flight_id"):
        flight_rows.flight(house, "'; DROP TABLE x")


def test_a_table_that_is_not_there_is_said_by_name(house):
    with pytest.raises(FlightsError, match=r"no_such_table is not there"):
        house.ask(f"SELECT * FROM {house.database}.no_such_table")
