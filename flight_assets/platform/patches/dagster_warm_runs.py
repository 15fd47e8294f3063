"""Fork Dagster's runs from a process that has the definitions.

``python -m flight_assets.platform.patches.dagster_warm_runs api grpc …`` replaces ``dagster api …``.

Library: dagster 1.13.27
Symptom: Dagster gives each run a new interpreter, which imports the definitions first.
Gain: 4 s per run, when it was made.
Guard: flight_assets_tests/integration/test_platform.py
    ::test_a_run_is_forked_from_the_process_that_has_the_definitions
Remove: when Dagster's code server can start runs from a warm process (dagster#8638).
"""

import multiprocessing
import sys
from multiprocessing import forkserver

from dagster._cli import main
from dagster._grpc import server

# The definitions, and what their runs import as they go: half of the time of a run that finds nothing new.
PRELOADED = [
    "flight_assets.platform.patches.dagster_warm_runs",
    "flight_assets.definitions",
    "dagster._core.executor.in_process",
    "dagster._core.storage.local_compute_log_manager",
    "dagster._core.storage.sqlite_storage",
    "concurrent_log_handler",
    "hdfs_native",
    "kafka",
    "kafka.admin",
    "pymongo",
    "redis",
    "requests",
    "tabulate",
    "pyspark.sql.connect.dataframe",
    "pyspark.sql.connect.session",
    "pyspark.sql.connect.streaming.readwriter",
]


class WarmRuns(server.DagsterApiServer):
    """Dagster's code server, except for how its runs get their processes."""

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        forkserver.ensure_running()
        self._mp_ctx = context  # type: ignore[assignment]


if __name__ == "__main__":
    server.DagsterApiServer = WarmRuns  # type: ignore[misc]
    sys.exit(main())  # type: ignore[no-untyped-call]
