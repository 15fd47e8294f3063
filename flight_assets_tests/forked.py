"""Processes forked from one that has imported the platform's code: a command then costs what it does, not two
seconds of imports.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from flight_assets.settings import get_settings

# Modules that do not read the settings when they are imported: those of a command come from its own
# environment.
PRELOADED = [
    "flight_assets.api.webhooks.worker",
    "flight_assets.archive.restore",
    "flight_assets.assets.hdfs_archive",
    "flight_assets.assets.pipeline",
    "flight_assets.automation.schedules",
    "flight_assets.cli",
    "flight_assets.platform.bootstrap",
    "flight_assets.queries.counts",
    "flight_assets_tests.faults.attempts",
    "flight_assets_tests.forked",
    "pyspark.sql.connect.session",
]
_MAIN = sys.modules["__main__"]


class _Process(ForkServerProcess):
    def start(self) -> None:
        """Start it with the main module of the test session, which it imports.

        Streamlit's AppTest leaves its page as the main module, which would run in the new process.
        """
        left, sys.modules["__main__"] = sys.modules["__main__"], _MAIN
        try:
            super().start()
        finally:
            sys.modules["__main__"] = left


def process(target: Callable[..., None], *arguments: object) -> ForkServerProcess:
    """Return a process that will call the target with the environment that this process has now."""
    multiprocessing.get_context("forkserver").set_forkserver_preload(PRELOADED)
    return _Process(target=_call, args=(dict(os.environ), target, arguments))


def _call(environment: dict[str, str], target: Callable[..., None], arguments: tuple[object, ...]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    if get_settings.cache_info().currsize:
        raise RuntimeError("a module of PRELOADED has read the settings")
    target(*arguments)


def run_flights(words: tuple[str, ...], timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Run `flights` with these words, in this process's environment and folder.

    Return its exit code and all that it printed.

    Raises:
        subprocess.TimeoutExpired: it did not end in time, and was killed.
    """
    with tempfile.TemporaryDirectory() as folder:
        printed = [Path(folder) / name for name in ("stdout", "stderr")]
        for path in printed:
            path.touch()
        command = process(_flights, words, Path.cwd(), printed)
        command.start()
        command.join(timeout_s)
        if command.is_alive():
            command.kill()
            command.join()
            raise subprocess.TimeoutExpired(
                ["flights", *words], timeout_s, *(path.read_text() for path in printed)
            )
        return subprocess.CompletedProcess(
            ["flights", *words], command.exitcode or 0, *(path.read_text() for path in printed)
        )


def _flights(words: tuple[str, ...], folder: Path, printed: list[Path]) -> None:
    """Be the command, in the forked process."""
    os.chdir(folder)
    for number, path in enumerate(printed, start=1):
        os.dup2(os.open(path, os.O_WRONLY), number)
    sys.argv = ["flights", *words]
    from flight_assets.cli import main

    try:
        main()
    finally:
        atexit._run_exitfuncs()  # a forked process ends without them, a command does not
