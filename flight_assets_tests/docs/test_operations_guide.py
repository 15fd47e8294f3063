"""The operations pages name settings, secrets, containers, files and alerts that exist, and every alert and
secret.
"""

from __future__ import annotations

import re

import pytest

from flight_assets.monitoring.rules import RULES
from flight_assets.settings import Settings
from flight_assets_tests.deploy.compose import DEPLOY, config, services
from flight_assets_tests.docs.markdown import DOCS, ROOT, Page, pages

SECRETS = Page("docs/secrets.md")
# A variable that only the DAGs read, and a file that users make.
ELSEWHERE = {"FLIGHTS_EXECUTABLE"}
MADE_BY_USERS = {"dashboard/.streamlit/secrets.toml"}


def section(page: Page, title: str) -> str:
    return page.text.split(f"\n## {title}\n")[1].split("\n## ")[0]


def first_cells(text: str) -> list[str]:
    """Return the words in backticks in the first column of a section's table."""
    return [
        name for row in re.findall(r"^\| (`[^|]+) \|", text, re.M) for name in re.findall(r"`([^`]+)`", row)
    ]


def test_each_alert_has_its_row_and_each_row_its_alert() -> None:
    assert first_cells(section(Page("docs/alerts.md"), "What to do for each alert")) == [
        rule.name for rule in RULES
    ]


def test_each_secret_has_its_row() -> None:
    assert sorted(first_cells(section(SECRETS, "Rotate a secret of the containers"))) == sorted(
        config()["secrets"]
    )


def test_who_is_created_anew_reads_the_secret() -> None:
    """And who reads it is created anew."""
    readers = {
        name: {secret["source"] for secret in service.get("secrets", [])}
        for name, service in services().items()
    }
    rows = re.findall(
        r"^\| `(\w+)` \|[^|]+\| ([^|`]+) \|$", section(SECRETS, "Rotate a secret of the containers"), re.M
    )
    named = {secret: set(re.findall(r"[a-z]+(?:-[a-z]+)*", cell)) & set(readers) for secret, cell in rows}
    for secret in ("flights_metastore_db_password", "flights_dagster_db_password", "flights_mongo_password"):
        servers = {"postgres"} | {
            name for name in readers if name.startswith("airflow-") and name != "airflow-scheduler"
        }
        assert named[secret] == {name for name, read in readers.items() if secret in read} - servers


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_settings_that_a_page_names_exist(page: Page) -> None:
    named = {
        name for name in re.findall(r"FLIGHTS_[A-Z]\w+", page.text) if not name.startswith("FLIGHTS_TEST_")
    }
    assert named - ELSEWHERE - {f"FLIGHTS_{name.upper()}" for name in Settings.model_fields} == set()


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_files_that_a_page_names_exist(page: Page) -> None:
    """Paths of the repository, and files of ``deploy`` by their names there."""
    named = [
        code
        for code in page.inline_code
        if re.fullmatch(r"(flight_assets|flight_assets_tests|dashboard|deploy|docs)/[\w./-]+", code)
    ]
    assert [path for path in named if not (ROOT / path).exists() and path not in MADE_BY_USERS] == []
    of_deploy = [
        code
        for code in page.inline_code
        if re.fullmatch(r"(?:prometheus|grafana|mongo|tls|proxy)/[\w.-]+", code)
    ]
    of_deploy += [
        code for code in page.inline_code if re.fullmatch(r"(?!kafka-|hdfs)[\w.-]+\.(?:sh|yml|example)", code)
    ]
    assert [path for path in of_deploy if not (DEPLOY / path).is_file()] == []


def test_the_main_page_and_the_folders_own_lead_to_it() -> None:
    assert "(docs/operations.md)" in (ROOT / "README.md").read_text()
    assert "(../docs/operations.md)" in (DEPLOY / "README.md").read_text()
    assert (DOCS / "deployment.md").is_file()
