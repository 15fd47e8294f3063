"""One executor of Spark on Kubernetes, as its pod runs it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

import psutil

from flight_assets.errors import FlightsError
from flight_assets.platform.jars import classpath_dir, spark_jars_dir
from flight_assets.platform.services.service import java
from flight_assets.settings import PROJECT_DIR, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

BACKEND = "org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend"
# Option of Spark's executor, and the variable in which Spark gives its value.
_OPTIONS = {
    "--driver-url": "SPARK_DRIVER_URL",
    "--executor-id": "SPARK_EXECUTOR_ID",
    "--cores": "SPARK_EXECUTOR_CORES",
    "--app-id": "SPARK_APPLICATION_ID",
    "--hostname": "SPARK_EXECUTOR_POD_IP",
    "--resourceProfileId": "SPARK_RESOURCE_PROFILE_ID",
    "--podName": "SPARK_EXECUTOR_POD_NAME",
}


def executor_command(settings: Settings, given: Mapping[str, str]) -> list[str]:
    """Return the command of an executor, from the variables that Spark sets in its pod.

    Raises:
        FlightsError: a variable is missing, so Spark did not start this pod.
    """
    missing = sorted({*_OPTIONS.values(), "SPARK_EXECUTOR_MEMORY"} - given.keys())
    if missing:
        raise FlightsError(f"Spark starts executors by itself: {', '.join(missing)} is not set")
    options = [given[name] for name in _numbered(given, "SPARK_JAVA_OPT_")]
    memory = given["SPARK_EXECUTOR_MEMORY"]
    jars = given.get("SPARK_CLASSPATH") or str(classpath_dir(settings.cache_dir, "spark") / "*")
    return [
        java(settings), *options, f"-Xms{memory}", f"-Xmx{memory}",
        "-cp", f"{spark_jars_dir() / '*'}:{jars}",
        BACKEND, *(word for option, name in _OPTIONS.items() for word in (option, given[name])),
    ]  # fmt: skip


def _numbered(given: Mapping[str, str], prefix: str) -> list[str]:
    names = [name for name in given if name.removeprefix(prefix).isdigit() and name.startswith(prefix)]
    return sorted(names, key=lambda name: int(name.removeprefix(prefix)))


def run_executor(settings: Settings) -> NoReturn:
    """Become an executor: replace this process by Spark's."""
    given = psutil.Process().environ()
    command = executor_command(settings, given)
    own = {
        "SPARK_HOME": str(spark_jars_dir().parent),
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": str(PROJECT_DIR),
        "OMP_NUM_THREADS": "1",
    }
    os.execve(command[0], command, given | own)  # noqa: S606 - Spark's own command
