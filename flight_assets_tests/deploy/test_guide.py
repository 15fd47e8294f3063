"""The operations guide speaks of commands, settings, secrets, containers and alarms that there are, and of every alarm and secret."""

from __future__ import annotations

import re

import click
import pytest

from flight_assets.cli import main
from flight_assets.monitoring.rules import RULES
from flight_assets.settings import Settings
from flight_assets_tests.deploy.compose import DEPLOY, config, services

GUIDE = (DEPLOY / "README.md").read_text()
TYPED = re.findall(r"^\$ (.*?)(?:  +#.*)?$", GUIDE, re.M)
INLINE = re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```$", "", GUIDE, flags=re.M | re.S).replace("\n", " "))
COMMANDS = sorted({line.split("flights ", 1)[1] for line in TYPED + INLINE if re.match(r"(docker compose exec \S+ )?flights \w", line)})


def section(title: str) -> str:
    return GUIDE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def first_cells(title: str) -> list[str]:
    """What is in backticks in the first column of a section's table."""
    return [name for row in re.findall(r"^\| (`[^|]+) \|", section(title), re.M) for name in re.findall(r"`([^`]+)`", row)]


def test_each_alarm_has_its_row_and_each_row_its_alarm():
    assert first_cells("What to do for each alert") == [rule.name for rule in RULES]


def test_each_secret_has_its_row():
    assert sorted(first_cells("Rotate secrets")) == sorted(config()["secrets"])


def test_who_is_created_anew_reads_the_secret():
    """And who reads it is created anew."""
    readers = {name: {secret["source"] for secret in service.get("secrets", [])} for name, service in services().items()}
    rows = re.findall(r"^\| `(\w+)` \|[^|]+\| ([^|`]+) \|$", section("Rotate secrets"), re.M)
    named = {secret: set(re.findall(r"[a-z]+(?:-[a-z]+)*", cell)) & set(readers) for secret, cell in rows}
    for secret in ("flights_metastore_db_password", "flights_dagster_db_password", "flights_mongo_password"):
        servers = {"postgres"} | {name for name in readers if name.startswith("airflow-") and name != "airflow-scheduler"}
        assert named[secret] == {name for name, read in readers.items() if secret in read} - servers


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_exists_with_its_options(command):
    found: click.Command = main
    words = command.split()
    while words and isinstance(found, click.Group) and not words[0].startswith("--"):
        assert words[0] in found.commands, command
        found = found.commands[words.pop(0)]
    options = {option for parameter in found.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


def test_there_are_commands_to_look_at():
    assert len(COMMANDS) > 25
    assert {"backup", "restore", "reset"} <= {command.split()[0] for command in COMMANDS}


def test_settings_and_files_that_it_names_exist():
    elsewhere = {"HOME", "EXECUTABLE"}  # the second is read by the DAGs
    names = set(re.findall(r"FLIGHTS_([A-Z]\w+)", GUIDE)) - elsewhere
    assert {name.lower() for name in names} <= set(Settings.model_fields)
    for path in re.findall(r"`((?:prometheus|grafana|mongo|tls|proxy)/[\w.-]+|[\w.-]+\.(?:sh|yml|example))`", GUIDE):
        if not path.startswith(("kafka-", "hdfs")):
            assert (DEPLOY / path).is_file(), path


def test_the_main_page_links_to_it():
    assert "(deploy/README.md)" in (DEPLOY.parent / "README.md").read_text()
