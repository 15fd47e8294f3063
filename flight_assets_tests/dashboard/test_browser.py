"""A real Chromium over the running dashboard: every page, filters, drill-down, automatic refresh, numbers,
accessibility, pictures.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flight_assets.bench.warehouse_flights import FLIGHTS
from flight_assets.bench.web import free_port, wait_until_healthy
from flight_assets.stores import mongo
from flight_assets_tests.dashboard.conftest import APP_DIR, PAGES, forget_answers

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PROJECT_DIR = APP_DIR.parent
PICTURES = PROJECT_DIR / "build/screenshots"
SIZES = {"wide": (1440, 900), "phone": (390, 844)}
REFRESH_S = 5
READY_MS = 90_000
PATHS = {"overview": ""} | {name: name for name in (*PAGES[1:], "operations")}
LOOKS = (("wide", False), ("phone", False), ("wide", True))
# Counts what the server sends, for the test of the pause button.
COUNT_ANSWERS = """
window.answers = 0;
const Plain = window.WebSocket;
window.WebSocket = class extends Plain {
  constructor(...given) { super(...given); this.addEventListener("message", () => { window.answers += 1; }); }
};
"""
# Streamlit makes what is being drawn again pale for a moment, which is no contrast of ours.
NEVER_PALE = "[data-stale=true] { opacity: 1 !important; transition: none !important; }"
# Streamlit's own canvases and toolbar, which the pages cannot change.
NOT_OURS = ["[data-testid='stToolbar']", "[data-testid='stDataFrame']", ".js-plotly-plot"]

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        CHROMIUM is None,
        reason="no chromium on this machine: install Debian's package chromium to run the browser tests",
    ),
]


@dataclass(frozen=True)
class Site:
    """The dashboard as it is served, and what its server wrote."""

    url: str
    log: Path


@pytest.fixture(scope="module")
def site(full_settings, tmp_path_factory) -> Iterator[Site]:
    """The dashboard over the stores with known flights, refreshing every REFRESH_S seconds."""
    port, log = free_port(), tmp_path_factory.mktemp("dashboard") / "log"
    environment = os.environ | {
        "FLIGHTS_MONGO_DATABASE": full_settings.mongo_database,
        "FLIGHTS_WAREHOUSE_DATABASE": full_settings.warehouse_database,
        "FLIGHTS_DASHBOARD_REFRESH_S": str(REFRESH_S), "PYTHONPATH": str(PROJECT_DIR),
    }  # fmt: skip
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(APP_DIR / "app.py"),
        "--server.port",
        str(port),
        "--server.address",
        "127.0.0.1",
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            wait_until_healthy(f"http://127.0.0.1:{port}/_stcore/health")
            yield Site(f"http://127.0.0.1:{port}/", log)
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture(scope="module")
def browser() -> Iterator:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def visit(browser, site):
    """Open a page in a window of its own.

    At the end it must not have shown an exception, nor asked any host but the dashboard's.
    """
    opened, strangers = [], []

    def note(request) -> None:
        if not request.url.startswith((site.url, site.url.replace("http", "ws", 1), "data:", "blob:")):
            strangers.append(request.url)

    def run(name: str, size: str = "wide", dark: bool = False):
        width, height = SIZES[size]
        context = browser.new_context(
            viewport={"width": width, "height": height},
            timezone_id="America/New_York",
            color_scheme="dark" if dark else "light",
        )
        page = context.new_page()
        opened.append((context, page))
        page.on("request", note)
        page.add_init_script(COUNT_ANSWERS)
        page.goto(site.url + PATHS[name])
        settle(page)
        return page

    yield run
    for context, page in opened:
        if not page.is_closed():
            refuse_exceptions(page)
            context.close()
    assert not strangers, strangers


def settle(page) -> None:
    """Wait until the page is drawn."""
    page.wait_for_selector("h1", timeout=READY_MS)
    page.wait_for_selector("text=/Data as of \\d\\d:\\d\\d:\\d\\d UTC/", timeout=READY_MS)
    busy = [
        *(f"[data-testid={name}]" for name in ("stStatusWidget", "stSpinner", "stSkeleton")),
        "[data-stale=true]",
    ]
    condition = " && ".join(f"!document.querySelector('{one}')" for one in busy)
    page.wait_for_function(f"() => {condition}", timeout=READY_MS)
    page.wait_for_timeout(500)


def refuse_exceptions(page) -> None:
    said = page.inner_text("body")
    for sign in ("Traceback", "Exception", "SQLSTATE", "is not reachable"):
        assert sign not in said, said
    assert page.locator("[data-testid=stException]").count() == 0


def metric(page, label: str) -> str:
    return (
        page.locator("[data-testid=stMetric]", has_text=label)
        .first.locator("[data-testid=stMetricValue]")
        .inner_text()
    )


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.core) if name == "overview" else name for name in PATHS]
)
def test_every_page_reads_at_both_sizes_in_light_and_dark_and_is_accessible(name, visit):
    from axe_playwright_python.sync_playwright import Axe

    PICTURES.mkdir(parents=True, exist_ok=True)
    for size, is_dark in LOOKS:
        width, _ = SIZES[size]
        page = visit(name, size, is_dark)
        ground = page.locator(".stApp").evaluate("one => getComputedStyle(one).backgroundColor")
        assert (max(int(part) for part in re.findall(r"\d+", ground)[:3]) < 60) == is_dark
        page.add_style_tag(content=NEVER_PALE)
        main = page.locator("[data-testid=stMain]")
        assert main.evaluate("one => one.scrollWidth") <= width, "the page scrolls sideways"
        page.set_viewport_size(
            {"width": width, "height": min(6_000, main.evaluate("one => one.scrollHeight") + 60)}
        )
        page.wait_for_timeout(800)
        page.screenshot(path=PICTURES / f"{name}-{size}{'-dark' if is_dark else ''}.png")
        results = Axe().run(
            page, context={"include": [["[data-testid=stMain]"]], "exclude": [[one] for one in NOT_OURS]}
        )
        serious = [
            (one["id"], one["help"], [node["html"][:160] for node in one["nodes"][:3]])
            for one in results.response["violations"]
            if one["impact"] in ("critical", "serious")
        ]
        assert not serious, serious
        refuse_exceptions(page)
        page.context.close()


def test_a_filter_narrows_the_history_and_survives_a_refresh(visit):
    page = visit("history")
    assert metric(page, "Flights") == f"{FLIGHTS:,}"
    page.get_by_role("button", name="Filters").click()
    page.get_by_role("combobox", name="Airline", exact=True).fill("UA")
    page.get_by_role("option", name=re.compile("^UA")).first.click()
    wanted = f"{FLIGHTS // 3:,}"
    values = "[...document.querySelectorAll('[data-testid=stMetricValue]')].map(one => one.innerText)"
    page.wait_for_function(f"() => {values}.includes('{wanted}')", timeout=READY_MS)
    page.wait_for_timeout((REFRESH_S + 2) * 1000)
    assert metric(page, "Flights") == wanted


def test_a_click_on_a_bar_drills_down(visit):
    page = visit("history")
    bar = page.locator(".st-key-history_drill_0 .barlayer .point path").last
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector(".st-key-history_drill_1 .barlayer .point path", timeout=READY_MS)
    assert page.locator(".st-key-history_crumb_0").count() == 1
    settle(page)
    assert metric(page, "Flights") == f"{FLIGHTS // 3:,}", "the other charts follow"


@pytest.mark.core
def test_the_page_refreshes_by_itself_and_shows_what_mongodb_holds(visit, full_settings):
    with mongo.database(full_settings) as db:
        page = visit("overview")
        assert f"{db[mongo.FLIGHTS].count_documents({}):,} flights in MongoDB" in page.inner_text("body")
        one = db[mongo.FLIGHTS].find_one({}, {"_id": 0})
        db[mongo.FLIGHTS].insert_one({**one, "_id": "ZZ1-EWR-20260601", "flight_id": "ZZ1-EWR-20260601"})
        try:
            page.wait_for_selector(f"text={FLIGHTS + 1:,} flights in MongoDB", timeout=READY_MS)
        finally:
            db[mongo.FLIGHTS].delete_one({"_id": "ZZ1-EWR-20260601"})
            forget_answers(full_settings)


def test_a_page_is_drawn_again_by_itself_until_it_is_paused(visit):
    page = visit("overview")
    wait_for_an_answer(page)
    switch(page)
    assert answers_in(page, 2 * REFRESH_S) == 0
    switch(page)
    wait_for_an_answer(page)


def switch(page) -> None:
    """Press the pause button and wait until the server has said all that it has to say about that."""
    page.get_by_text("Pause updates").click()
    page.wait_for_timeout(500)
    settle(page)
    for _ in range(30):
        if answers_in(page, 1) == 0:
            return
    raise AssertionError("the server never stops sending")


def wait_for_an_answer(page) -> None:
    """Fail if the server sends nothing within one refresh and the time it takes."""
    before = page.evaluate("() => window.answers")
    page.wait_for_function("before => window.answers > before", arg=before, timeout=1000 * (REFRESH_S + 5))


def answers_in(page, seconds: float) -> int:
    """How many messages the server sends to a page that nobody touches."""
    before = page.evaluate("() => window.answers")
    page.wait_for_timeout(1000 * seconds)
    return int(page.evaluate("() => window.answers")) - int(before)


def test_the_export_holds_every_flight(visit, tmp_path):
    import pandas as pd

    page = visit("history")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    download.value.save_as(tmp_path / "flights.csv")
    assert pd.read_csv(tmp_path / "flights.csv")["flights"].sum() == FLIGHTS


@pytest.mark.core
def test_the_server_wrote_no_trace(site):
    assert "Traceback" not in site.log.read_text()
