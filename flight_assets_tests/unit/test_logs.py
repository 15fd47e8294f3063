"""JSON logs: one object per line, with run and batch, by many processes, rotated."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

import pytest

from flight_assets import logs
from flight_assets.settings import Settings


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(_env_file=None, home=tmp_path)


@pytest.fixture(autouse=True)
def _own_handlers():
    yield
    for handler in list(logging.getLogger(logs.ROOT).handlers):
        logging.getLogger(logs.ROOT).removeHandler(handler)
        handler.close()


def lines(settings: Settings) -> list[dict]:
    return [json.loads(line) for line in logs.path(settings).read_text().splitlines()]


def test_fields_are_fields(settings) -> None:
    logs.configure(settings)
    logs.get_logger("test").info("stored", rows=3)
    (line,) = lines(settings)
    assert line["timestamp"].endswith("Z")
    assert line | {"event": "stored", "rows": 3, "level": "info", "logger": "flights.test"} == line


def test_what_a_standard_logger_says_in_the_block_has_run_and_batch(settings) -> None:
    logger = logging.Logger("dagster")
    with logs.also_to_file(settings, logger, run_id="r1", step="mongo_hot"):
        logger.info("before")
        logs.note(batch_id=7)
        logger.info("batch %d", 7)
        logs.note(batch_id=None)
        logger.error("after")
    logger.info("outside")
    logs.get_logger("test")
    assert [(line["event"], line.get("batch_id"), line["run_id"]) for line in lines(settings)] == [
        ("before", None, "r1"),
        ("batch 7", 7, "r1"),
        ("after", None, "r1"),
    ]


def test_a_trace_is_one_line(settings) -> None:
    logs.configure(settings)
    try:
        raise ValueError("broken\nin two lines")
    except ValueError:
        logging.getLogger("flights.other").exception("failed")
    (line,) = lines(settings)
    assert "ValueError: broken" in line["exception"]


def test_switched_off_it_writes_nothing(settings) -> None:
    off = settings.model_copy(update={"log_json": False})
    logs.configure(off)
    logs.get_logger("test").info("x")
    with logs.also_to_file(off, logging.Logger("dagster")):
        pass
    assert not logs.path(off).exists()


def test_processes_that_write_at_once_lose_no_line_while_the_file_rotates(settings, tmp_path) -> None:
    program = (
        "import sys; from pathlib import Path; from flight_assets import logs; from flight_assets.settings"
        " import Settings\nsettings = Settings(_env_file=None, home=Path(sys.argv[1]),"
        " log_file_mb=1)\nlogs.BYTES_PER_MB = 20_000\nlogs.configure(settings)\nfor number in range(200):"
        " logs.get_logger('x').info('line', number=number, writer=sys.argv[2], pad='x' * 100)\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), str(writer)]) for writer in range(2)
    ]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0]
    files = sorted((tmp_path / "logs").glob("flights.jsonl*"))
    found = [json.loads(line) for path in files for line in path.read_text().splitlines()]
    assert 2 <= len(files) <= 1 + logs.KEPT_FILES
    assert len({(line["writer"], line["number"]) for line in found}) == len(found) == 400
