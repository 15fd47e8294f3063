"""An Airflow of the tests' own, which runs the DAGs of ``deploy/airflow``."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from flight_assets.settings import PROJECT_DIR
from flight_assets_tests.integration.conftest import (
    BIN,
    COMMAND_TIMEOUT_S,
)

AIRFLOW = PROJECT_DIR / ".venv-airflow/bin/airflow"
DAGS = PROJECT_DIR / "deploy/airflow/dags"
PROCESSING, ARCHIVING = "flight_processing_dag", "mongodb_archiving_dag"

# Well-known port of Airflow's api-server; the tests' offset is added as for every other service.
BASE_PORT = 8080
START_TIMEOUT_S = 90
TOKEN_LIFETIME_S = 3
IDLE_S = 3

# Retried like the real ones, but at once: three tries of those take three and a half minutes.
HURRIED = """
from datetime import timedelta
from airflow.sdk import DAG
from platform_commands import RETRIED, START, FlightsOperator

once_more = RETRIED | {"retries": 1, "retry_delay": timedelta(seconds=1)}
with DAG("hurried", schedule=None, start_date=START, default_args=once_more):
    FlightsOperator(task_id="ingest", words=["process", "--part", "ingest_flights"])
"""


@dataclass
class Airflow:
    """An Airflow on SQLite: its home, its DAGs, the address of its api-server, and who may sign in there."""

    home: Path
    dags: Path
    url: str
    passwords: dict[str, str]

    @property
    def environment(self) -> dict[str, str]:
        section = {
            "CORE__DAGS_FOLDER": str(self.dags),
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
            "API_AUTH__JWT_CLI_EXPIRATION_TIME": str(TOKEN_LIFETIME_S),
            "API_AUTH__JWT_LEEWAY": "0",
        }
        own = {
            "AIRFLOW_HOME": str(self.home),
            "FLIGHTS_EXECUTABLE": str(BIN / "flights"),
            "PYTHONPATH": str(DAGS),
        }
        return os.environ | own | {f"AIRFLOW__{name}": value for name, value in section.items()}

    def start(self, log: Path, *words: str) -> subprocess.Popen:
        """Start a command of Airflow; what it prints goes to a file."""
        with log.open("w") as file:
            return subprocess.Popen([str(AIRFLOW), *words], stdout=file, stderr=file, env=self.environment)

    def run(self, *words: str, expect: int = 0) -> str:
        """Run a command of Airflow to its end; returns all that it printed."""
        log = self.home / "command.log"
        code = self.start(log, *words).wait(timeout=COMMAND_TIMEOUT_S)
        assert code == expect, f"{words}: exit {code}\n{log.read_text()[-5000:]}"
        return log.read_text()

    def ask(self, path: str) -> Any:
        """Answer of the REST API to the tester."""
        sign_in = {"username": "tester", "password": self.passwords["tester"]}
        token = requests.post(f"{self.url}/auth/token", json=sign_in, timeout=30).json()["access_token"]
        reply = requests.get(
            f"{self.url}/api/v2/{path}", headers={"Authorization": f"Bearer {token}"}, timeout=30
        )
        assert reply.ok, reply.text
        return reply.json()

    def last_states(self, dag_id: str) -> dict[str, str]:
        """The state of each task of a DAG's newest run."""
        (run,) = self.ask(f"dags/{dag_id}/dagRuns?order_by=-run_after&limit=1")["dag_runs"]
        tasks = self.ask(f"dags/{dag_id}/dagRuns/{run['dag_run_id']}/taskInstances")["task_instances"]
        return {each["task_id"]: each["state"] for each in tasks}


def wait_for(url: str, server: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()[-3000:]
        try:
            if requests.get(f"{url}/api/v2/version", timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.5)
    raise AssertionError(log.read_text()[-3000:])
