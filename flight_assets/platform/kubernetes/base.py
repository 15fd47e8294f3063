"""Manifests of the base: workloads, services, claims, network policies, settings, files and rights."""

from __future__ import annotations

import re
from typing import Any

from flight_assets.platform.kubernetes import pods
from flight_assets.platform.kubernetes.pods import Manifest
from flight_assets.platform.kubernetes.source import (
    DEPLOY,
    IMAGE,
    Container,
    compose,
    containers,
    shared_settings,
)
from flight_assets.platform.spark_kubernetes import SERVICE_ACCOUNT

NAMESPACE = "flights"
# Sizes to begin with; an overlay changes them.
SIZES = {
    "kafka-data": "20Gi", "postgres-data": "10Gi", "redis-data": "2Gi", "namenode-data": "5Gi",
    "datanode-data": "100Gi", "mongodb-data": "20Gi", "spark-data": "20Gi", "dagster-home": "5Gi",
}  # fmt: skip
# Where the proxy finds a page: nginx asks the name server without a search list.
CLUSTER_DOMAIN = f"{NAMESPACE}.svc.cluster.local"
NOT_FOR_CONTAINERS = ("add-user.sh", "embedded.sh")


def manifests() -> dict[str, list[Manifest]]:
    """Return the manifests of each file of the base, without the Kustomization."""
    file = compose()
    found = containers(file)
    files: dict[str, list[Manifest]] = {
        "namespace": [_namespace()],
        "accounts": _accounts(),
        "settings": [_config_map(pods.SETTINGS, shared_settings(file))],
        "files": _files(found),
        "claims": [_claim(name) for name in dict.fromkeys(v for c in found for v in pods.shared_volumes(c))],
        "policies": [_deny(), _executors_policy()],
    }
    for container in found:
        parts = [_job(container) if container.is_job else _workload(container)]
        if container.ports:
            parts += [_service(container), _policy(container)]
        files[container.name] = parts
    return files


def kustomization(names: list[str]) -> Manifest:
    """Return the Kustomization that takes these files together."""
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": NAMESPACE,
        "resources": [f"{name}.yaml" for name in names],
        # An executor's image is a setting: replace both tags together in an overlay.
        "images": [{"name": IMAGE, "newTag": "latest"}],
    }


def _object(kind: str, name: str, api: str = "v1", **more: Any) -> Manifest:  # noqa: ANN401 - whatever the kind has
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name}, **more}


def _namespace() -> Manifest:
    level = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": level}}


def _accounts() -> list[Manifest]:
    """Return two accounts: Spark's application may start and end its executors, all others may do nothing."""
    verbs = ["create", "get", "list", "watch", "patch", "update", "delete", "deletecollection"]
    return [
        _object("ServiceAccount", "flights", automountServiceAccountToken=False),
        _object("ServiceAccount", SERVICE_ACCOUNT, automountServiceAccountToken=False),
        _object(
            "Role",
            SERVICE_ACCOUNT,
            "rbac.authorization.k8s.io/v1",
            rules=[
                {
                    "apiGroups": [""],
                    "resources": ["pods", "configmaps", "services", "persistentvolumeclaims"],
                    "verbs": verbs,
                }
            ],
        ),
        _object(
            "RoleBinding",
            SERVICE_ACCOUNT,
            "rbac.authorization.k8s.io/v1",
            roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": SERVICE_ACCOUNT},
            subjects=[{"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "namespace": NAMESPACE}],
        ),
        _object("ConfigMap", "spark-executors", data={"executor.yaml": _yaml(pods.executor_template())}),
    ]


def _config_map(name: str, data: dict[str, str]) -> Manifest:
    return _object("ConfigMap", name, data=data)


def _files(found: list[Container]) -> list[Manifest]:
    """Return a ConfigMap for each folder of ``deploy`` that a container mounts."""
    folders = dict.fromkeys(source.partition("/")[0] for c in found for _, source in c.files)
    return [
        _config_map(
            f"files-{folder}",
            {
                path.name: _in_cluster(path.read_text(), path.name, found)
                for path in sorted((DEPLOY / folder).iterdir())
                if path.name not in NOT_FOR_CONTAINERS
            },
        )
        for folder in folders
    ]


def _in_cluster(text: str, name: str, found: list[Container]) -> str:
    """Return a file as it is on Kubernetes: whole names of pages for nginx, a folder of its own for HDFS."""
    if name in ("hdfs-site.xml", "namenode.sh"):
        return re.sub(r"(//)?/data\b(?=/current|<)", r"\g<0>/hdfs", text)
    if name == "nginx.conf":
        addresses = {f"{one.name}:{port}" for one in found for port in one.ports.values()}
        for address in addresses:
            text = text.replace(f" {address};", f" {address.replace(':', f'.{CLUSTER_DOMAIN}:')};")
    return text


def _claim(name: str) -> Manifest:
    """Return the claim of a volume that several pods share."""
    return _object("PersistentVolumeClaim", name, spec=_claim_spec(name, "ReadWriteMany"))


def _claim_spec(name: str, mode: str) -> Manifest:
    return {"accessModes": [mode], "resources": {"requests": {"storage": SIZES[name]}}}


def _workload(container: Container) -> Manifest:
    own = pods.own_volumes(container)
    spec: Manifest = {
        "replicas": 0 if container.is_optional else 1,
        "selector": {"matchLabels": {"app": container.name}},
        "template": {"metadata": {"labels": pods.labels(container)}, "spec": pods.pod(container)},
    }
    if not own:
        # Two producers or daemons at once would do the work twice.
        spec["strategy"] = {"type": "Recreate"}
        return _object("Deployment", container.name, "apps/v1", spec=spec)
    spec["serviceName"] = container.name
    spec["volumeClaimTemplates"] = [
        {"metadata": {"name": name}, "spec": _claim_spec(name, "ReadWriteOnce")} for name in own
    ]
    return _object("StatefulSet", container.name, "apps/v1", spec=spec)


def _job(container: Container) -> Manifest:
    template = {"metadata": {"labels": pods.labels(container)}, "spec": pods.pod(container)}
    return _object("Job", container.name, "batch/v1", spec={"backoffLimit": 20, "template": template})


def _service(container: Container) -> Manifest:
    """Return the name of a container on the network. A store finds itself by it before it is ready."""
    is_stateful = bool(pods.own_volumes(container))
    spec: Manifest = {
        "selector": {"app": container.name},
        "ports": [{"name": name, "port": port, "targetPort": name} for name, port in container.ports.items()],
    }
    if is_stateful:
        spec |= {"clusterIP": "None", "publishNotReadyAddresses": True}
    return _object("Service", container.name, spec=spec)


def _deny() -> Manifest:
    return _object(
        "NetworkPolicy",
        "deny",
        "networking.k8s.io/v1",
        spec={"podSelector": {}, "policyTypes": ["Ingress"]},
    )


def _policy(container: Container) -> Manifest:
    """Let in whoever shares a network of Compose with the container. The proxy lets in everybody."""
    peers = [
        {"podSelector": {"matchLabels": {f"flights/{network}": "member"}}} for network in container.networks
    ]
    ingress: Manifest = {"ports": [{"port": port} for port in container.ports.values()]}
    if container.name != "proxy":
        ingress["from"] = peers
    spec = {
        "podSelector": {"matchLabels": {"app": container.name}},
        "policyTypes": ["Ingress"],
        "ingress": [ingress],
    }
    return _object("NetworkPolicy", container.name, "networking.k8s.io/v1", spec=spec)


def _executors_policy() -> Manifest:
    """Let in Spark's application and other executors, at any port: each executor chooses its own."""
    peers = [{"podSelector": {"matchLabels": {"app": name}}} for name in ("spark", "spark-executor")]
    spec = {
        "podSelector": {"matchLabels": {"app": "spark-executor"}},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": peers}],
    }
    return _object("NetworkPolicy", "spark-executor", "networking.k8s.io/v1", spec=spec)


def _yaml(value: Manifest) -> str:
    import yaml

    return str(yaml.safe_dump(value, sort_keys=False, width=120))
