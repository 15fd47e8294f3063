"""Results that are rendered once for all viewers, never from other answers or parameters.

Needs no platform.
"""

from __future__ import annotations

import ast
import json
import threading
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TypeGuard

import pandas as pd
import plotly.graph_objects as go
import plotly.io as pio
import pytest
from streamlit import config

from dashboard import charts
from dashboard.render_cache import RenderCache, RenderedFigure
from flight_assets.queries.cache import Answer
from flight_assets_tests.dashboard.conftest import APP_DIR

MOMENT = datetime(2026, 6, 1, 12, tzinfo=UTC)
calls: list[tuple] = []


def answer(*flights: int) -> Answer:
    return Answer(pd.DataFrame({"route": "EWR-IAH", "flights": list(flights)}), MOMENT, "redis")


def summed(frame: pd.DataFrame, factor: int = 1, *names: object) -> int:
    calls.append((factor, names))
    return int(frame["flights"].sum()) * factor


def slowly(frame: pd.DataFrame) -> int:
    time.sleep(0.2)
    return summed(frame)


def failing(frame: pd.DataFrame) -> int:
    calls.append(())
    raise ValueError("no such column")


@pytest.fixture
def rendered() -> RenderCache[int]:
    calls.clear()
    return RenderCache(3, int)


def test_the_same_parts_are_made_once_and_others_anew(rendered):
    first, second = answer(1, 2), answer(1, 2)
    assert [rendered.of(summed, first), rendered.of(summed, first)] == [3, 3]
    assert len(calls) == 1
    assert rendered.of(summed, second) == 3
    assert len(calls) == 2, "another answer, though it says the same"
    assert rendered.of(summed, first, 10) == 30


@pytest.mark.parametrize(
    ("one", "other"), [("a", "b"), (1, 2), (1, True), (("a", "b"), ("b", "a")), ({"a": "b"}, {"a": "c"})]
)
def test_each_parameter_tells_apart(rendered, one, other):
    found = answer(1)
    rendered.of(summed, found, 1, one)
    rendered.of(summed, found, 1, other)
    assert [names[0] for _, names in calls] == [one, other]


def test_many_who_ask_at_once_wait_for_one(rendered):
    found, barrier = answer(5), threading.Barrier(20)

    def ask(_number: int) -> int:
        barrier.wait()
        return rendered.of(slowly, found)

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(ask, range(20))) == [5] * 20
    assert len(calls) == 1


def test_the_oldest_are_forgotten(rendered):
    answers = [answer(number) for number in range(4)]
    for one in answers:
        rendered.of(summed, one)
    rendered.of(summed, answers[3])
    assert len(calls) == 4
    rendered.of(summed, answers[0])
    assert len(calls) == 5


def test_an_error_is_raised_and_not_kept(rendered):
    found = answer(1)
    for _ in range(2):
        with pytest.raises(ValueError, match="no such column"):
            rendered.of(failing, found)
    assert len(calls) == 2


def test_what_could_be_mistaken_for_another_is_refused(rendered):
    with pytest.raises(TypeError, match="DataFrame"):
        rendered.of(summed, answer(1).frame)
    factor = 2
    with pytest.raises(TypeError, match="plain function"):
        rendered.of(lambda frame: summed(frame, factor), answer(1))


def test_a_drawn_figure_says_what_the_figure_says():
    frame = pd.DataFrame(
        {"day": pd.date_range("2026-06-01", periods=5), "mae": [1.0, 2.5, float("nan"), 4.0, 5.0]}
    )
    figure = charts.lines(frame, "day", {"mae": "MAE"}, "day", "error (min)")
    drawn = RenderedFigure(figure)
    assert isinstance(drawn, go.Figure)
    assert json.loads(pio.to_json(drawn)) == json.loads(pio.to_json(figure))
    assert drawn.to_dict() is drawn.to_dict()


def test_no_full_garbage_collection_follows_each_run():
    settings = tomllib.loads((APP_DIR / ".streamlit/config.toml").read_text())
    assert settings["runner"]["postScriptGC"] is False
    assert "runner.postScriptGC" in config.get_config_options(), "Streamlit has another name for it"


PAGE_MODULES = sorted([*(APP_DIR / "app_pages").glob("*.py"), *(APP_DIR / "operations_page").glob("*.py")])


@pytest.mark.parametrize("page", PAGE_MODULES, ids=lambda page: f"{page.parent.name}-{page.stem}")
def test_what_a_page_has_made_follows_from_arguments_and_constants_alone(page):
    """A builder that read a choice of the viewer from its page would show one viewer what another chose."""
    tree = ast.parse(page.read_text())
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    assigned = {
        name.id
        for node in tree.body
        if not isinstance(node, ast.FunctionDef)
        for name in ast.walk(node)
        if is_stored(name)
    }
    choices = {name for name in assigned if not name.lstrip("_")[0].isupper()}
    first_arguments = [
        node.args[0] for node in ast.walk(tree) if isinstance(node, ast.Call) and is_rendering(node)
    ]
    builders = {argument.id for argument in first_arguments if isinstance(argument, ast.Name)}
    assert builders <= set(functions)
    # Those of other modules are figures and exports, which know neither Streamlit nor the page.
    elsewhere = {
        ast.unparse(argument).split(".")[0]
        for argument in first_arguments
        if not isinstance(argument, ast.Name)
    }
    assert elsewhere <= chart_modules(tree)
    for name in builders:
        loaded = {node.id for node in ast.walk(functions[name]) if isinstance(node, ast.Name)} - {
            argument.arg for argument in functions[name].args.args
        }
        assert not {"st", "data"} & loaded, name
        own = {node.id for node in ast.walk(functions[name]) if is_stored(node)}
        assert not (loaded - own) & choices, name


def is_stored(node: ast.AST) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def is_rendering(node: ast.Call) -> bool:
    return ast.unparse(node.func).startswith("render_cache.")


def chart_modules(tree: ast.Module) -> set[str]:
    """Names under which a page knows ``dashboard.charts``, a module of it, or ``dashboard.exports``."""
    names = set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if f"{node.module}.{alias.name}".startswith(("dashboard.charts", "dashboard.exports")):
                    names.add(alias.asname or alias.name)
    return names


@pytest.mark.parametrize(
    "path", sorted([*(APP_DIR / "charts").glob("*.py"), APP_DIR / "exports.py"]), ids=lambda path: path.stem
)
def test_figures_and_exports_know_neither_streamlit_nor_a_page(path):
    nodes = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    imported = {
        node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name for node in nodes
    }
    refused = ("streamlit", "dashboard.data", "dashboard.components", "dashboard.app_pages")
    assert not [name for name in imported if name.startswith(refused)]
