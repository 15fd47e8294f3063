"""Settings of the platform: its folders, ports, profile and secrets."""

from __future__ import annotations

import tempfile
from getpass import getuser
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Literal

from pydantic import Field, PrivateAttr, SecretStr, computed_field
from pydantic_settings import BaseSettings, SettingsConfigDict

from flight_assets.settings.endpoints import BASE_PORTS, COUNTS, LOOPBACK, REPLICA_PORTS, SECRETS

PROJECT_DIR = Path(__file__).resolve().parent.parent.parent
# Folder of secrets in containers: one file per setting, with its variable's name in small letters.
SECRETS_DIR = Path("/run/secrets")


def _default_home() -> Path:
    in_checkout = (PROJECT_DIR / "pyproject.toml").exists()
    return PROJECT_DIR / ".flights" if in_checkout else Path.home() / ".flights"


class PlatformSettings(BaseSettings):
    """Folders, ports, profile and secrets of a platform."""

    model_config = SettingsConfigDict(
        env_prefix="FLIGHTS_",
        env_file=(PROJECT_DIR / ".env", ".env"),
        secrets_dir=SECRETS_DIR if SECRETS_DIR.is_dir() else None,
        extra="ignore",
        frozen=True,
        # An error that shows all settings would show addresses with passwords.
        hide_input_in_errors=True,
    )

    home: Path = Field(
        default_factory=_default_home,
        description="folder of all data; `.flights` in a checkout, else `~/.flights`",
    )
    cache_dir: Path = Field(
        default_factory=lambda: Path.home() / ".cache" / "flight-tracking",
        description="downloaded jars, shared by all platforms; `~/.cache/flight-tracking`",
    )
    port_offset: int = Field(
        default=0, ge=0, le=38_478, description="added to every port, so that platforms can run side by side"
    )

    profile: Literal["embedded", "cluster"] = Field(
        default="embedded",
        description=(
            "what `flights up` starts: one process of each kind, or a cluster of them on this machine"
        ),
    )
    secured: bool = Field(
        default=False, description="start every store with TLS, users and passwords; see docs/security.md"
    )
    role: Literal["pipeline", "dashboard", "producer"] = Field(
        default="pipeline", description="user of a secured platform that this process signs in as"
    )
    embedded: bool = Field(
        default=True,
        description="the services run under this machine's supervisor; false: each by itself, elsewhere",
    )
    state_dir: Path | None = Field(
        default=None,
        description="folder with a report of each container's health check; unset = none",
    )
    reporting_services: str = Field(
        default="",
        description="containers that must report there besides the table's services, separated by commas",
    )
    volumes_dir: Path | None = Field(
        default=None,
        description="folder in which each volume is mounted, to measure its disk; unset = stores are asked",
    )
    bind_host: str = Field(default=LOOPBACK, description="address at which the platform's own servers listen")
    advertised_host: str = Field(
        default=LOOPBACK, description="name by which Spark's driver, master and workers reach each other"
    )

    _secrets: dict[str, SecretStr] = PrivateAttr(default_factory=dict)

    def count(self, kind: str) -> int:
        """Return how many processes of a kind of ``COUNTS`` the profile has."""
        return COUNTS[self.profile].get(kind, 0)

    def port(self, endpoint: str, number: int = 1) -> int:
        """Return the platform's port of an endpoint of ``BASE_PORTS``.

        ``number`` counts processes of a kind from 1.
        """
        return BASE_PORTS[endpoint] + self.port_offset + REPLICA_PORTS * (number - 1)

    def address(self, endpoint: str, number: int = 1) -> str:
        """Return ``host:port`` of an endpoint of this platform."""
        return f"{LOOPBACK}:{self.port(endpoint, number)}"

    def addresses(self, kind: str, endpoint: str = "") -> list[str]:
        """Return ``host:port`` of every process of a kind, by default at the endpoint named like the kind."""
        return [self.address(endpoint or kind, number) for number in range(1, self.count(kind) + 1)]

    def secret(self, name: str) -> SecretStr:
        """Return one of ``SECRETS`` from its file, or a random one that `flights up` will write there.

        Empty for any other name.
        """
        if name not in SECRETS:
            return SecretStr("")
        if name not in self._secrets:
            path = self.secrets_dir / name
            self._secrets[name] = SecretStr(path.read_text() if path.exists() else token_hex(24))
        return self._secrets[name]

    @property
    def secrets_dir(self) -> Path:
        """Folder of a secured platform's secrets, a file for each."""
        return self.home / "secrets"

    @property
    def api_key_file(self) -> Path:
        """File of the API key that `flights up` makes for this machine."""
        return self.secrets_dir / "api_key"

    @property
    def webhook_key_file(self) -> Path:
        """File of the key that `flights up` makes for the secrets of webhooks."""
        return self.secrets_dir / "webhook_key"

    @property
    def tls_dir(self) -> Path:
        """Folder of a secured platform's authority and certificates."""
        return self.home / "tls"

    @property
    def hdfs_user(self) -> str:
        """HDFS user of this process. The owner of the NameNode's process may do everything there."""
        return self.role if self.secured and self.role != "pipeline" else getuser()

    @computed_field  # type: ignore[prop-decorator]
    @property
    def supervisor_socket(self) -> Path:
        """Unix socket of the supervisor, outside the home: a socket's path has at most 107 bytes."""
        return (
            Path(tempfile.gettempdir()) / f"flights-{sha256(str(self.home).encode()).hexdigest()[:16]}.sock"
        )

    @property
    def dagster_home(self) -> Path:
        """Folder of the Dagster instance."""
        return self.home / "dagster"
