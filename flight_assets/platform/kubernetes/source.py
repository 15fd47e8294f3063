"""Containers of the base: the Compose file's, with ports and needs from the table of services."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from flight_assets.platform.health import CLUSTER_ID
from flight_assets.platform.services import further_services, services
from flight_assets.platform.spark_kubernetes import BLOCK_MANAGER_PORT, DRIVER_PORT
from flight_assets.settings import BASE_PORTS, PROJECT_DIR, Settings

DEPLOY = PROJECT_DIR / "deploy"
COMPOSE_FILE = DEPLOY / "docker-compose.yml"
IMAGE = "flight-tracking-platform"
# Names of the table that differ from the container's.
TABLE_NAME = {"mongodb": "mongod"}
# Kubernetes starts Spark's executors itself and gives each volume to its pod's group. Airflow has a chart.
LEFT_OUT = ("spark-master", "spark-worker", "hdfs-volumes", "airflow-")
# Reports of health checks are files of one machine.
NO_VOLUMES = ("service-state",)
NO_FILES = ("health",)
NO_SETTINGS = (
    "FLIGHTS_REPORTING_SERVICES", "FLIGHTS_SPARK_WORKER_CORES", "FLIGHTS_SPARK_WORKER_MB",
    "FLIGHTS_STATE_DIR", "FLIGHTS_VOLUMES_DIR",
)  # fmt: skip
# Needs whose check works from another container.
CHECKED = ("dagster-code", "datanode", "kafka", "metastore", "mongod", "namenode", "redis", "spark")
# A claim's folder belongs to root and may have a lost+found: servers get a folder of their own in it.
ENVIRONMENT = {
    "kafka": {"KAFKA_LOG_DIRS": "/var/lib/kafka/data/messages"},
    "postgres": {"PGDATA": "/var/lib/postgresql/data/pgdata"},
}
# Kubernetes takes 15 characters.
LONGEST_PORT_NAME = 15
FURTHER_PORTS = {
    "postgres": {"postgres": BASE_PORTS["postgres"]},
    "spark": {"driver": DRIVER_PORT, "block-manager": BLOCK_MANAGER_PORT},
}


@dataclass(frozen=True)
class Container:
    """One container of the base.

    ``volumes``: mount path by volume. ``files``: pairs of mount path and file or folder of ``deploy``.
    ``waits_for``: services whose check must pass before it starts. ``check``: the command that proves its
    work.
    """

    name: str
    image: str
    user: tuple[int, int]
    command: list[str]
    args: list[str]
    environment: dict[str, str]
    ports: dict[str, int]
    memory: str
    cpus: str
    read_only: bool
    check: list[str]
    is_job: bool
    is_optional: bool
    networks: list[str]
    waits_for: list[str] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    volumes: dict[str, str] = field(default_factory=dict)
    files: list[tuple[str, str]] = field(default_factory=list)

    @property
    def is_ours(self) -> bool:
        """Return True if it runs from our own image."""
        return self.image == IMAGE


def compose() -> dict[str, Any]:
    """Return the Compose file with the defaults of its variables."""
    import yaml

    def default(match: re.Match[str]) -> str:
        name, given = match[1], match[2] or ""
        return {"KAFKA_CLUSTER_ID": CLUSTER_ID, "IMAGE_TAG": "latest"}.get(name, given)

    text = re.sub(r"(?<!\$)\$\{(\w+)(?::-([^}]*)|:\?[^}]*)?\}", default, COMPOSE_FILE.read_text())
    found: dict[str, Any] = yaml.safe_load(text.replace("$$", "$"))
    return found


def shared_settings(file: dict[str, Any]) -> dict[str, str]:
    """Return the settings that all containers of ours share, as they are on Kubernetes."""
    given = {name: str(value) for name, value in file["x-ours"]["environment"].items()}
    own = {
        "FLIGHTS_SPARK_MASTER": "k8s://https://kubernetes.default.svc",
        "FLIGHTS_SPARK_EXECUTOR_IMAGE": f"{IMAGE}:latest",
        "FLIGHTS_SPARK_EXECUTORS": "2",
    }
    return {name: value for name, value in given.items() if name not in NO_SETTINGS} | own


def containers(file: dict[str, Any]) -> list[Container]:
    """Return every container of the base, in the order of the Compose file."""
    settings = Settings(_env_file=None, port_offset=0)  # type: ignore[call-arg]
    table = {service.name: service for service in (*services(settings), *further_services(settings))}
    common = set(file["x-ours"]["environment"])
    found = []
    for name, given in file["services"].items():
        if name.startswith(LEFT_OUT):
            continue
        known = table.get(TABLE_NAME.get(name, name))
        ports = {_port_name(endpoint): BASE_PORTS[endpoint] for endpoint in (known.ports if known else ())}
        found.append(
            Container(
                **_runs(given),
                name=name,
                environment=_environment(given, common) | ENVIRONMENT.get(name, {}),
                ports=ports | FURTHER_PORTS.get(name, {}) | (_proxy_ports() if name == "proxy" else {}),
                check=_check(given.get("healthcheck", {}).get("test", []), given.get("hostname", "")),
                is_job="healthcheck" not in given,
                is_optional="profiles" in given,
                networks=[network.removesuffix("-network") for network in given["networks"]],
                waits_for=_needs(name, given, known.needs if known else ()),
                secrets=list(given.get("secrets", [])),
                folders=[word.split(":")[0] for word in given.get("tmpfs", [])],
                **_mounts(given.get("volumes", [])),
            )
        )
    return found


def _port_name(endpoint: str) -> str:
    name = endpoint.replace("_", "-")
    return name if len(name) <= LONGEST_PORT_NAME else f"port-{BASE_PORTS[endpoint]}"


def _runs(given: dict[str, Any]) -> dict[str, Any]:
    uid, gid = map(int, given["user"].split(":"))
    limits = given["deploy"]["resources"]["limits"]
    return {
        "image": IMAGE if given["image"].startswith(IMAGE) else given["image"],
        "user": (uid, gid),
        "command": list(given.get("entrypoint", [])),
        "args": list(map(str, given.get("command", []))),
        "memory": limits["memory"].replace("M", "Mi").replace("G", "Gi"),
        "cpus": limits["cpus"],
        "read_only": bool(given.get("read_only")),
    }


def _environment(given: dict[str, Any], common: set[str]) -> dict[str, str]:
    return {
        name: str(value)
        for name, value in given.get("environment", {}).items()
        if name not in NO_SETTINGS and not (name in common and given["image"].startswith(IMAGE))
    }


def _check(test: list[str], hostname: str) -> list[str]:
    """Return a health check's command without the report that Compose's containers make."""
    if not test:
        return []
    if test[0] == "CMD-SHELL":
        return ["sh", "-c", re.sub(r"^sh \S+check\.sh \S+ sh -c \"(.*)\"$", r"\1", test[1])]
    words = list(map(str, test[1:]))
    return words[3:] if words[1].endswith("health/check.sh") else words


def _needs(name: str, given: dict[str, Any], needs: tuple[str, ...]) -> list[str]:
    """Return the services of our image's init container: the table's needs, and those of a job."""
    if not given["image"].startswith(IMAGE):
        return []
    waited = given.get("depends_on", {}) if "healthcheck" not in given else {}
    names = {*needs, *(TABLE_NAME.get(other, other) for other in waited)}
    return sorted(other for other in names if other in CHECKED and other != name)


def _proxy_ports() -> dict[str, int]:
    text = (DEPLOY / "proxy/nginx.conf").read_text()
    return {f"page-{port}": int(port) for port in re.findall(r"listen (\d+) ssl;", text)}


def _mounts(mounts: list[Any]) -> dict[str, Any]:
    """Return the volumes, and the files of ``deploy``, that a container mounts."""
    volumes, files = {}, []
    for mount in mounts:
        # Mounts by a mapping are measured only.
        if isinstance(mount, dict):
            continue
        source, target = mount.split(":")[:2]
        if source.startswith("./"):
            if source[2:] not in NO_FILES:
                files.append((target, source[2:]))
        elif source not in NO_VOLUMES:
            volumes[source] = target
    return {"volumes": volumes, "files": files}
