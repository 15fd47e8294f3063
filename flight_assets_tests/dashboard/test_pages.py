"""Every page in three states: full, empty, and with every store down; never the text of an exception."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import data
from flight_assets.bench.warehouse_flights import DAYS, FLIGHTS
from flight_assets.queries import model_quality
from flight_assets.queries.cache import PREFIX, TOKEN_BYTES, Answer, Query, ResultCache, decode
from flight_assets.settings import Settings
from flight_assets.stores import redis
from flight_assets_tests.dashboard.conftest import APP_DIR, PAGES

RUN_S = 120
Open = Callable[[str, Settings], AppTest]
TITLES = {
    "overview": "Real-Time Overview", "streaming": "Streaming Analytics", "history": "Historical Analytics",
    "prediction": "Prediction & Insights", "quality": "Data Quality & Metadata",
}  # fmt: skip


@pytest.fixture
def visit(monkeypatch) -> Iterator[Open]:
    """Open a page of the dashboard over the stores of some settings."""

    def run(page: str, settings: Settings) -> AppTest:
        monkeypatch.setattr(data, "get_settings", lambda: settings)
        return AppTest.from_file(str(APP_DIR / f"app_pages/{page}.py"), default_timeout=RUN_S).run()

    yield run
    data._clients.clear()


def texts(page: AppTest) -> str:
    """All that the page says, in one text."""
    parts = [
        *page.markdown,
        *page.caption,
        *page.info,
        *page.warning,
        *page.error,
        *page.title,
        *page.header,
        *page.subheader,
    ]
    return "\n".join(
        [
            *(str(part.value) for part in parts),
            *(f"{one.label} {one.value} {one.delta}" for one in page.metric),
        ]
    )


def refuse_exceptions(page: AppTest) -> None:
    assert not page.exception
    assert not page.error
    said = texts(page)
    for sign in ("Traceback", "Exception", "Error:", "SQLSTATE"):
        assert sign not in said, said


def value(page: AppTest, label: str) -> str:
    return next(one.value for one in page.metric if one.label == label)


@pytest.mark.parametrize("name", PAGES)
def test_with_every_store_down_a_page_says_so_soon(name, visit, closed_settings):
    began = time.monotonic()
    page = visit(name, closed_settings)
    assert time.monotonic() - began < 30
    refuse_exceptions(page)
    assert page.title[0].value == TITLES[name]
    assert "is not reachable" in texts(page)


@pytest.mark.integration
@pytest.mark.parametrize("name", PAGES)
def test_over_empty_stores_a_page_says_what_to_do(name, visit, empty_settings):
    page = visit(name, empty_settings)
    refuse_exceptions(page)
    assert page.info
    assert not [one.value for one in page.warning if "is not there" not in one.value]


@pytest.mark.integration
@pytest.mark.parametrize("name", PAGES)
def test_a_full_page_is_drawn_without_a_warning_and_with_stamps(name, visit, full_settings):
    page = visit(name, full_settings)
    refuse_exceptions(page)
    assert not [one.value for one in page.warning if "is not there" not in one.value]
    assert sum("Data as of" in caption.value for caption in page.caption) >= 2


@pytest.mark.integration
@pytest.mark.parametrize("name", PAGES)
def test_drawing_a_page_twice_asks_no_store_and_leaves_the_shared_answers_as_they_are(
    name, visit, full_settings, monkeypatch
):
    known = redis.connect_binary(full_settings, 5)
    # An answer of an earlier test would expire in the middle of this one.
    for key in known.scan_iter(f"{PREFIX}*"):
        known.delete(key)
    asked: list[str] = []
    find = ResultCache.find

    def noted(self: ResultCache, query: Query) -> Answer:
        asked.append(query.name)
        return find(self, query)

    monkeypatch.setattr(ResultCache, "find", noted)
    visit(name, full_settings)
    visit(name, full_settings)
    assert asked
    asked.clear()
    refuse_exceptions(visit(name, full_settings))
    assert asked == []
    cache = data.clients().cache
    assert cache.answers.kept
    for key, answer in cache.answers.kept.items():
        frame, as_of = decode(cache.answers.client.get(key)[TOKEN_BYTES:])
        pd.testing.assert_frame_equal(answer.frame, frame)
        assert answer.as_of == as_of


@pytest.mark.integration
def test_that_a_prediction_cannot_be_explained_is_an_answer_too(visit, full_settings):
    page = visit("prediction", full_settings)
    assert "cannot be explained: there is no model test-1" in texts(page)
    query = data.model(model_quality.explanation, page.selectbox(key="prediction_flight").value)
    answer = data.ask(query)
    assert answer.source == "redis"
    assert "no model test-1" in answer.frame.attrs["refusal"]


@pytest.mark.integration
def test_the_overview_counts_what_mongodb_holds(visit, full_settings):
    from flight_assets.stores import mongo

    page = visit("overview", full_settings)
    with mongo.database(full_settings) as db:
        stats = db.command("dbStats")
    assert f"{FLIGHTS:,} flights in MongoDB" in texts(page)
    size = float(value(page, "MongoDB size").split()[0].replace(",", ""))
    assert size == pytest.approx((stats["dataSize"] + stats["indexSize"]) / 1e6, abs=0.1)


@pytest.mark.integration
def test_searching_shows_one_flight(visit, full_settings):
    page = visit("overview", full_settings)
    page.text_input(key="overview_search").set_value("aa1001").run()
    refuse_exceptions(page)
    assert list(page.dataframe[0].value["flight_id"]) == ["AA1001-JFK-20260602"]


@pytest.mark.integration
def test_a_filter_of_history_narrows_every_number(visit, full_settings):
    page = visit("history", full_settings)
    assert value(page, "Flights") == f"{FLIGHTS:,}"
    page.multiselect(key="history_airlines").set_value(["UA"]).run()
    refuse_exceptions(page)
    assert value(page, "Flights") == f"{FLIGHTS // 3:,}"


@pytest.mark.integration
def test_drilling_down_ends_at_the_flights_of_a_route(visit, full_settings):
    page = visit("history", full_settings)
    for depth, code in enumerate(("UA", "EWR", "IAH")):
        page.selectbox(key=f"history_pick_{depth}").set_value(code).run()
        refuse_exceptions(page)
    flights = page.dataframe[0].value
    assert set(flights["route"]) == {"EWR-IAH"}
    assert len(flights) == FLIGHTS // 12
    assert value(page, "Flights") == f"{FLIGHTS // 12:,}", "every number follows"
    page.button(key="history_home").click().run()
    assert page.selectbox(key="history_pick_0").value is None


@pytest.mark.integration
def test_the_quality_page_proves_conservation(visit, full_settings):
    page = visit("quality", full_settings)
    assert (value(page, "Messages"), value(page, "Quarantined"), value(page, "Conservation")) == (
        "1,230",
        "18",
        "holds",
    )


@pytest.mark.integration
def test_exports_hold_what_the_warehouse_holds(full_settings, monkeypatch):
    from flight_assets.queries import history
    from flight_assets.queries.filters import Filters

    monkeypatch.setattr(data, "get_settings", lambda: full_settings)
    frame = data.ask(data.history(history.daily_rows, Filters())).frame
    again = pd.read_parquet(io.BytesIO(_parquet(frame)))
    assert again["flights"].sum() == FLIGHTS
    assert again["flight_date"].nunique() == DAYS
    assert pd.read_csv(io.StringIO(frame.to_csv(index=False)))["flights"].sum() == FLIGHTS


def _parquet(frame: pd.DataFrame) -> bytes:
    sink = io.BytesIO()
    frame.to_parquet(sink, index=False)
    return sink.getvalue()
