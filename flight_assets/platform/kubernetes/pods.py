"""Pods of the base: containers with probes, limits, secrets, files and volumes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flight_assets.platform.kubernetes.source import IMAGE, Container
from flight_assets.platform.spark_kubernetes import SERVICE_ACCOUNT, TEMPLATE

SETTINGS = "flights-settings"
SECRETS = "flights-secrets"
SECRETS_DIR = "/run/secrets"
# Group of volumes and secrets may read; the container's user is in it.
SECRET_MODE = 0o440
PROBE_PERIOD_S, PROBE_TIMEOUT_S = 30, 20
# Three minutes to start, as in Compose: after that a container counts as failed.
START_PERIOD_S, START_FAILURES = 10, 30
CONFINED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}
Manifest = dict[str, Any]


def labels(container: Container) -> dict[str, str]:
    """Return the labels of a pod: its name, and the networks of Compose that it is on."""
    return {"app": container.name} | {f"flights/{network}": "member" for network in container.networks}


def pod(container: Container) -> Manifest:
    """Return the pod's specification."""
    uid, gid = container.user
    is_driver = container.name == "spark"
    found: Manifest = {
        "serviceAccountName": SERVICE_ACCOUNT if is_driver else "flights",
        "automountServiceAccountToken": is_driver,
        # Kafka would read the variable KAFKA_PORT, which Kubernetes sets for a service.
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": uid,
            "runAsGroup": gid,
            "fsGroup": gid,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    if container.waits_for:
        found["initContainers"] = [_waiting(container)]
    found["containers"] = [_container(container)]
    found["volumes"] = _volumes(container)
    if container.is_job:
        found["restartPolicy"] = "OnFailure"
    return found


def _container(container: Container) -> Manifest:
    found: Manifest = {"name": container.name, "image": image(container)}
    if container.command:
        found["command"] = container.command
    if container.args:
        found["args"] = container.args
    found |= _environment(container)
    if container.ports:
        found["ports"] = [{"name": name, "containerPort": port} for name, port in container.ports.items()]
    found["securityContext"] = CONFINED | {"readOnlyRootFilesystem": container.read_only}
    found["resources"] = {
        "requests": {"cpu": f"{float(container.cpus) * 500:.0f}m", "memory": container.memory},
        "limits": {"cpu": container.cpus, "memory": container.memory},
    }
    found |= _probes(container)
    found["volumeMounts"] = _mounts(container)
    return found


def image(container: Container) -> str:
    """Return the image with its tag. The tag of ours is set by Kustomize."""
    return f"{container.image}:latest" if container.is_ours else container.image


def _environment(container: Container) -> Manifest:
    found: Manifest = {}
    if container.is_ours:
        found["envFrom"] = [{"configMapRef": {"name": SETTINGS}}]
    if container.environment:
        found["env"] = [{"name": name, "value": value} for name, value in container.environment.items()]
    return found


def _waiting(container: Container) -> Manifest:
    """Return an init container that ends when the services that this one needs do their work."""
    checks = " && ".join(f"flights service check {name}" for name in container.waits_for)
    return {
        "name": "wait",
        "image": image(container),
        "command": ["sh", "-c", f"until {checks}; do sleep 5; done"],
        **_environment(container),
        "securityContext": CONFINED | {"readOnlyRootFilesystem": container.read_only},
        "resources": {
            "requests": {"cpu": "100m", "memory": "512Mi"},
            "limits": {"cpu": "1", "memory": "512Mi"},
        },
        "volumeMounts": _mounts(container),
    }


def _probes(container: Container) -> Manifest:
    """Return startup and readiness by the service's own check, and liveness by its main port.

    A check also fails when another service is down, and no restart would mend that.
    """
    if not container.check:
        return {}
    work = {"exec": {"command": container.check}, "timeoutSeconds": PROBE_TIMEOUT_S}
    found: Manifest = {
        "startupProbe": {**work, "periodSeconds": START_PERIOD_S, "failureThreshold": START_FAILURES},
        "readinessProbe": {**work, "periodSeconds": PROBE_PERIOD_S, "failureThreshold": 3},
    }
    if container.ports:
        port = next(iter(container.ports))
        found["livenessProbe"] = {
            "tcpSocket": {"port": port},
            "periodSeconds": PROBE_PERIOD_S,
            "failureThreshold": 5,
        }
    return found


def _mounts(container: Container) -> list[Manifest]:
    found: list[Manifest] = [
        {"name": _name(folder), "mountPath": folder} for folder in _empty_folders(container)
    ]
    found += [{"name": volume, "mountPath": target} for volume, target in container.volumes.items()]
    for target, source in container.files:
        folder, _, name = source.partition("/")
        mount: Manifest = {"name": f"files-{folder}", "mountPath": target, "readOnly": True}
        found.append(mount | ({"subPath": name} if name else {}))
    if container.secrets:
        found.append({"name": "secrets", "mountPath": SECRETS_DIR, "readOnly": True})
    if container.name == "spark":
        found.append({"name": "spark-executors", "mountPath": str(TEMPLATE.parent), "readOnly": True})
    return found


def _volumes(container: Container) -> list[Manifest]:
    """Return the pod's volumes. Those of a StatefulSet's own come from its claim templates."""
    found: list[Manifest] = [
        {"name": _name(folder), "emptyDir": {"sizeLimit": "1Gi"}} for folder in _empty_folders(container)
    ]
    found += [
        {"name": volume, "persistentVolumeClaim": {"claimName": volume}}
        for volume in shared_volumes(container)
    ]
    folders = dict.fromkeys(source.partition("/")[0] for _, source in container.files)
    found += [{"name": f"files-{folder}", "configMap": {"name": f"files-{folder}"}} for folder in folders]
    if container.secrets:
        items = [{"key": name, "path": name} for name in container.secrets]
        found.append(
            {
                "name": "secrets",
                "secret": {"secretName": SECRETS, "defaultMode": SECRET_MODE, "items": items},
            }
        )
    if container.name == "spark":
        found.append({"name": "spark-executors", "configMap": {"name": "spark-executors"}})
    return found


def _empty_folders(container: Container) -> list[str]:
    kept = set(container.volumes.values())
    return [folder for folder in container.folders if folder not in kept]


def shared_volumes(container: Container) -> list[str]:
    """Return the volumes that several pods share: Dagster's home."""
    return [volume for volume in container.volumes if volume == "dagster-home"]


def own_volumes(container: Container) -> list[str]:
    """Return the volumes of one pod alone."""
    return [volume for volume in container.volumes if volume not in shared_volumes(container)]


def _name(folder: str) -> str:
    return Path(folder).as_posix().strip("/").replace("/", "-").lower()


def executor_template() -> Manifest:
    """Return the template from which Spark makes its executors."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "labels": {
                "app": "spark-executor",
                "flights/bigdata": "member",
                "flights/processing": "member",
            }
        },
        "spec": {
            "serviceAccountName": "flights",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "runAsGroup": 10001,
                "fsGroup": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "executor",
                    "image": f"{IMAGE}:latest",
                    # Spark adds the word "executor".
                    "command": ["flights", "service"],
                    "securityContext": CONFINED | {"readOnlyRootFilesystem": True},
                    "volumeMounts": [
                        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a path in the container
                        {"name": "home", "mountPath": "/var/lib/flights"},
                    ],
                }
            ],
            "volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "home", "emptyDir": {}}],
        },
    }
