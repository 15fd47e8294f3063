"""PostgreSQL of the cluster profile: made once with its databases, then served.

It refuses to run as root, so root gives it up.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from flight_assets.errors import FlightsError

if TYPE_CHECKING:
    from flight_assets.settings import Settings

USER = "flights"
DATABASES = ("metastore", "dagster")
UNPRIVILEGED = "nobody"
DEBIAN_DIR = Path("/usr/lib/postgresql")
# Written last, so that a creation that was cut short begins anew.
CREATED = "flights_created"
CREATE_TIMEOUT_S = 60


def program_dir(settings: Settings) -> Path:
    """Return the folder of ``postgres`` and ``initdb``: the settings', or the newest of Debian's packages.

    Raises:
        FlightsError: there is none.
    """
    found = settings.postgres_bin or max(
        DEBIAN_DIR.glob("*/bin"), key=lambda path: int(path.parent.name), default=None
    )
    if found is None or not (found / "initdb").exists():
        raise FlightsError(
            "the cluster profile needs PostgreSQL: install Debian's postgresql, or set FLIGHTS_POSTGRES_BIN"
        )
    return found


def create(programs: Path, data: Path) -> None:
    """Make the data folder with the user and the databases, anew if it is there.

    Raises CalledProcessError with what went wrong.
    """
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True, mode=0o700)
    owner: dict[str, int] = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam(UNPRIVILEGED)
        os.chown(data, nobody.pw_uid, nobody.pw_gid)
        owner = {"user": nobody.pw_uid, "group": nobody.pw_gid}
    _run(
        [programs / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale", "C"], "", owner
    )
    _run(
        [programs / "postgres", "--single", "-D", data, "postgres"],
        "".join(f"CREATE DATABASE {name}\n" for name in DATABASES),
        owner,
    )
    (data / CREATED).touch()


def _run(command: list[Path | str], lines: str, owner: dict[str, int]) -> None:
    subprocess.run(command, input=lines, text=True, timeout=CREATE_TIMEOUT_S, check=True, cwd="/", **owner)  # type: ignore[call-overload]  # noqa: S603


def serve(programs: Path, data: Path, host: str, port: str) -> NoReturn:
    """Become the server, at one address and no Unix socket."""
    if os.geteuid() == 0:
        nobody = pwd.getpwnam(UNPRIVILEGED)
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)
    options = (
        f"listen_addresses={host}",
        f"port={port}",
        "unix_socket_directories=",
        "shared_buffers=64MB",
        "max_connections=200",
    )
    command = [
        str(programs / "postgres"),
        "-D",
        str(data),
        *(word for option in options for word in ("-c", option)),
    ]
    os.execv(command[0], command)  # noqa: S606 - the table's program


if __name__ == "__main__":
    if sys.argv[1] == "create":
        create(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        serve(Path(sys.argv[2]), Path(sys.argv[3]), *sys.argv[4:])
