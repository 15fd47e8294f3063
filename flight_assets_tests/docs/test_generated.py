"""The reference pages are what the code says, and all of it."""

from __future__ import annotations

import pytest

from flight_assets import docgen
from flight_assets.cli import main
from flight_assets.contracts.features import FEATURES
from flight_assets.contracts.message import MESSAGE_FIELDS, WEATHER_FIELDS, Reason
from flight_assets.contracts.tables import TABLES
from flight_assets.docgen.settings import settings_page
from flight_assets.monitoring.metrics import METRICS
from flight_assets.monitoring.rules import RULES
from flight_assets.settings import Settings
from flight_assets_tests.docs.markdown import DOCS

WRITTEN = docgen.pages()


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_a_page_is_what_the_code_says(name: str) -> None:
    """If this fails, run `make docs`."""
    assert (DOCS / "reference" / name).read_text() == WRITTEN[name]


def test_there_is_no_page_besides() -> None:
    assert {path.name for path in (DOCS / "reference").iterdir()} == set(WRITTEN)


@pytest.mark.parametrize(
    ("page", "names"),
    [
        (
            "message.md",
            [item.name for item in (*MESSAGE_FIELDS, *WEATHER_FIELDS)] + [reason.value for reason in Reason],
        ),
        ("features.md", [feature.name for feature in FEATURES]),
        ("settings.md", [f"FLIGHTS_{name.upper()}" for name in Settings.model_fields]),
        ("metrics.md", [metric.name for metric in METRICS]),
        ("alerts.md", [rule.name for rule in RULES]),
        ("commands.md", [f"flights {name}" for name, command in main.commands.items() if not command.hidden]),
    ],
)
def test_a_page_leaves_nothing_out(page: str, names: list[str]) -> None:
    assert [name for name in names if name not in WRITTEN[page]] == []


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_is_there_with_every_column(table) -> None:
    page = next(text for text in WRITTEN.values() if f"\n## {table.name}\n" in text)
    section = page.split(f"\n## {table.name}\n")[1].split("\n## ")[0]
    assert [column.name for column in table.columns if f"| `{column.name}` | " not in section] == []


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_defaults_do_not_depend_on_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    before = settings_page()
    monkeypatch.setenv("FLIGHTS_PORT_OFFSET", "700")
    monkeypatch.setenv("FLIGHTS_KAFKA_TOPIC", "elsewhere")
    assert settings_page() == before
    assert "`127.0.0.1:9092`" in before


def test_pages_are_written_as_they_are_returned(tmp_path) -> None:
    docgen.main(tmp_path / "reference")
    assert {path.name: path.read_text() for path in (tmp_path / "reference").iterdir()} == WRITTEN
