"""The Compose files as Docker Compose itself reads them: merged, with variables filled in, checked against
its schema.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flight_assets.settings import PROJECT_DIR, Settings

DEPLOY = PROJECT_DIR / "deploy"
BIN = Path(sys.executable).parent
COMPOSE = BIN / "docker-compose"
BASE = "docker-compose.yml"
OVERLAYS = ("docker-compose.zookeeper.yml", "docker-compose.ha.yml", "docker-compose.tls.yml")
FILES = (BASE, *OVERLAYS)
OURS = ("flight-tracking-platform", "flight-tracking-airflow")
FILLED_IN = {
    "IMAGE_TAG": "1.0",
    "SECRETS_DIR": "/secrets",
    "KAFKA_CLUSTER_ID": "MkU3OEVBNTcwNTJENDM2Qg",
    "TLS_DIR": "/tls",
}


def example() -> dict[str, str]:
    """The variables of env.example with what they have there."""
    lines = (DEPLOY / "env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def run(*files: str, variables: dict[str, str], folder: Path = DEPLOY) -> subprocess.CompletedProcess[str]:
    """Answer of `docker-compose config` for these files together, every profile included."""
    with TemporaryDirectory() as made:
        env_file = Path(made) / "env"
        env_file.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
        chosen = [word for name in files for word in ("-f", str(folder / name))]
        command = [
            str(COMPOSE),
            "--env-file",
            str(env_file),
            *chosen,
            "--profile",
            "*",
            "config",
            "--format",
            "json",
        ]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            env={"HOME": made, "PATH": "/usr/bin:/bin"},
            timeout=60,
            check=False,
        )


@cache
def config(*overlays: str) -> dict[str, Any]:
    """The base file with some overlays over it, with env.example filled in."""
    done = run(BASE, *overlays, variables=example() | FILLED_IN)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def services(*overlays: str) -> dict[str, Any]:
    """The containers by name."""
    found: dict[str, Any] = config(*overlays)["services"]
    return found


def is_ours(service: dict[str, Any]) -> bool:
    """Return True for a container of our own image."""
    return service["image"].rsplit(":", 1)[0] in OURS


def is_one_shot(service: dict[str, Any]) -> bool:
    """Return True for a container that does one thing and ends."""
    return service["restart"] in ("no", "on-failure")


def needs(found: dict[str, Any], name: str) -> set[str]:
    """All containers that must be up before this one starts, directly or because others need them."""
    direct = set(found[name].get("depends_on", {}))
    return direct | {far for near in direct for far in needs(found, near)}


def settings_in(service: dict[str, Any]) -> Settings:
    """The settings as the code in this container reads them, with each of its secrets as the secret's own
    name.
    """
    given = {
        key.removeprefix("FLIGHTS_").lower(): value
        for key, value in service["environment"].items()
        if key.startswith("FLIGHTS_")
    }
    names = [secret["source"] for secret in service.get("secrets", [])]
    secrets = {name.removeprefix("flights_"): name for name in names if name.startswith("flights_")}
    given |= {
        "home": "/var/lib/flights",
        "cache_dir": "/opt/flights/cache",
        "java_home": "/opt/java",
        "port_offset": "0",
    }
    return Settings(_env_file=None, **given, **secrets)


def variables(text: str) -> set[str]:
    """The names of the variables that a Compose file has filled in."""
    return set(re.findall(r"(?<!\$)\$\{(\w+)", text))
