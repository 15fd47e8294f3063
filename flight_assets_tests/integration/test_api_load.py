"""The API under generated requests, many clients and large bodies, on a running platform."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests

from flight_assets.contracts.units import BYTES_PER_MB
from flight_assets_tests.integration.api_client import CASES_PER_ROUTE, WAIT_S, Api, flight_id, send_twins


@pytest.fixture(scope="module")
def admin(quiet_platform) -> Api:
    return Api(quiet_platform, quiet_platform.api_key_file.read_text().strip())


@pytest.fixture(scope="module")
def twins(admin, process, quiet_platform) -> None:
    """Flights for the requests to find."""
    send_twins(admin, process, quiet_platform)


def test_two_hundred_clients_at_once_are_all_answered(twins, admin):
    answers: list[int] = []

    def ask() -> None:
        for _ in range(3):
            answers.append(
                requests.get(
                    f"{admin.url}/v1/flights/{flight_id('UA')}", headers=admin.session.headers, timeout=WAIT_S
                ).status_code
            )

    threads = [threading.Thread(target=ask) for _ in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert answers == [200] * 600


def test_generated_requests_find_no_fault(twins, admin, tmp_path):
    """Schemathesis on every route but the stream, which does not end.

    One check is left out: that whatever fits the schema is accepted. Messages and cursors have rules that a
    schema cannot say, and what breaks them is refused with a reason.
    """
    key = admin.session.headers["Authorization"]
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "st"), "run", f"{admin.url}/openapi.json", "-H",
            f"Authorization: {key}",
            "--exclude-path", "/v1/stream/flights", "-n", str(CASES_PER_ROUTE), "--seed", "1",
            "--exclude-checks", "positive_data_acceptance",
            "--warnings", "off",
            "--continue-on-failure",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]


def test_the_largest_body_is_named_in_the_settings(quiet_platform, admin):
    answer = admin.session.post(
        f"{admin.url}/v1/events",
        data=b" " * (int(quiet_platform.api_body_mb * BYTES_PER_MB) + 1),
        timeout=WAIT_S,
    )
    assert answer.status_code == 413
