"""Settings of Spark's application whose executors are pods of Kubernetes."""

from __future__ import annotations

from pathlib import Path

from flight_assets.settings import Settings

DRIVER_PORT, BLOCK_MANAGER_PORT = 7078, 7079
SERVICE_ACCOUNT = "spark"
# The StatefulSet's one pod: executors belong to it, and end with it.
DRIVER_POD = "spark-0"
TEMPLATE = Path("/etc/flights/spark-executors/executor.yaml")
_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def properties(settings: Settings) -> dict[str, object]:
    """Return the settings of executors as pods; nothing for another master."""
    if not settings.spark_master.startswith("k8s://"):
        return {}
    return {
        "spark.submit.deployMode": "client",
        "spark.driver.port": DRIVER_PORT,
        "spark.driver.blockManager.port": BLOCK_MANAGER_PORT,
        "spark.executor.instances": settings.spark_executors,
        "spark.executor.cores": settings.spark_worker_cores,
        "spark.kubernetes.namespace": settings.kubernetes_namespace,
        "spark.kubernetes.container.image": settings.spark_executor_image,
        "spark.kubernetes.driver.pod.name": DRIVER_POD,
        "spark.kubernetes.executor.podNamePrefix": "spark-executor",
        "spark.kubernetes.executor.podTemplateFile": TEMPLATE,
        "spark.kubernetes.executor.podTemplateContainerName": "executor",
        "spark.kubernetes.executor.limit.cores": settings.spark_worker_cores,
        "spark.kubernetes.authenticate.oauthTokenFile": _TOKEN / "token",
        "spark.kubernetes.authenticate.caCertFile": _TOKEN / "ca.crt",
    }
