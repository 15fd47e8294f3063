"""Processes forked from one that has imported the platform's code: a command then costs what it does, not two seconds of imports."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PRELOADED = [
    "flight_assets.definitions",
    "flight_assets.cli",
    "flight_assets.platform.bootstrap",
    "flight_assets.queries.counts",
    "flight_assets.stores.warehouse",
    "pyspark.sql.connect.session",
    "flight_assets_tests.faults.attempts",
    "flight_assets_tests.forked",
]


def context() -> multiprocessing.context.ForkServerContext:
    """Return the context of all tests: the process that is forked starts with the first of them."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(PRELOADED)
    return found


def run_flights(words: tuple[str, ...], timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Run `flights` with these words, in this process's environment and folder; return its exit code and all that it printed.

    Raises:
        subprocess.TimeoutExpired: it did not end in time, and was killed.
    """
    with tempfile.TemporaryDirectory() as folder:
        printed = [Path(folder) / name for name in ("stdout", "stderr")]
        for path in printed:
            path.touch()
        process = context().Process(target=_flights, args=(words, dict(os.environ), Path.cwd(), printed))
        process.start()
        process.join(timeout_s)
        if process.is_alive():
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(["flights", *words], timeout_s, *(path.read_text() for path in printed))
        return subprocess.CompletedProcess(["flights", *words], process.exitcode or 0, *(path.read_text() for path in printed))


def _flights(words: tuple[str, ...], environment: dict[str, str], folder: Path, printed: list[Path]) -> None:
    """Be the command, in the forked process."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, path in enumerate(printed, start=1):
        os.dup2(os.open(path, os.O_WRONLY), number)
    sys.argv = ["flights", *words]
    from flight_assets.cli import main

    try:
        main()
    finally:
        atexit._run_exitfuncs()  # a forked process ends without them, a command does not
