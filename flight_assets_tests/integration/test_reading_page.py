"""The examples of docs/reading-the-data.md work as they stand, with the ports of the platform of
the tests.
"""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from flight_assets.settings import BASE_PORTS
from flight_assets_tests.docs.markdown import Page
from flight_assets_tests.integration.conftest import flights_with_defects

pytestmark = pytest.mark.integration
TIMEOUT_S = 120
SECTIONS = re.split(r"^## ", Page("docs/reading-the-data.md").text, flags=re.M)
EXAMPLES = {
    section.split("\n")[0]: example[1]
    for section in SECTIONS
    if (example := re.search(r"^```python\n(.*?)^```$", section, re.M | re.S))
}
CLIENTS = ("pymongo", "pyhive", "pyspark", "polars", "duckdb", "kafka", "redis")


@pytest.fixture(scope="module", autouse=True)
def some_flights(send, process) -> None:
    send(flights_with_defects(seed=29, count=200))
    process()


def test_there_is_an_example_for_each_client() -> None:
    imported = set(re.findall(r"^(?:import|from) (\w+)", "\n".join(EXAMPLES.values()), re.M))
    assert set(CLIENTS) <= imported


@pytest.mark.parametrize("title", EXAMPLES)
def test_an_example_runs_and_prints_something(platform, title: str) -> None:
    code = EXAMPLES[title]
    for port in BASE_PORTS.values():
        code = re.sub(rf"\b{port}\b", str(port + platform.port_offset), code)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=TIMEOUT_S)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip()
