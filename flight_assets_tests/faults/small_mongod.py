"""A MongoDB of its own on a small file system in memory, which can be filled. Needs root, to mount it."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from flight_assets.platform.services.programs import mongod
from flight_assets.settings import get_settings

SIZE_MB = 500
START_S = 60.0
CHUNK = 1 << 20


def reason_not() -> str:
    """Return why a file system cannot be mounted here; empty if it can."""
    return "" if os.geteuid() == 0 else "mounting a file system needs root"


class SmallMongod:
    """A mongod, a replica set of one, whose file system has SIZE_MB."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        """Return its address."""
        return f"mongodb://127.0.0.1:{self._port}/?directConnection=true"

    def start(self) -> None:
        """Start it, and return when it is the primary."""
        program = mongod(get_settings()).path
        options = (
            "--replSet",
            "small",
            "--wiredTigerCacheSizeGB",
            "0.25",
            "--nounixsocket",
            "--oplogSize",
            "50",
            "--quiet",
        )
        log = (self._folder.parent / "mongod.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [
                    program,
                    "--dbpath",
                    self._folder,
                    "--port",
                    str(self._port),
                    "--bind_ip",
                    "127.0.0.1",
                    *options,
                ],
                stdout=log,
            )
        deadline = time.monotonic() + START_S
        while not self._is_primary():
            if time.monotonic() > deadline:
                raise TimeoutError("the small mongod does not come up")
            time.sleep(0.2)

    def _is_primary(self) -> bool:
        with suppress(PyMongoError), MongoClient(self.uri, serverSelectionTimeoutMS=500) as client:
            said = client.admin.command("hello")
            if "setName" not in said:
                members = [{"_id": 0, "host": f"127.0.0.1:{self._port}"}]
                client.admin.command("replSetInitiate", {"_id": "small", "members": members})
            return bool(said.get("isWritablePrimary"))
        return False

    def fill(self) -> None:
        """Leave no room in its file system."""
        with (self._folder / "ballast").open("ab") as ballast, suppress(OSError):
            while True:
                ballast.write(bytes(CHUNK))
                ballast.flush()

    def save(self) -> None:
        """Let it write what it holds in memory to its files, now. Without room it dies of that."""
        with suppress(PyMongoError), MongoClient(self.uri, serverSelectionTimeoutMS=5_000) as client:
            client.admin.command("fsync")

    def has_died(self, within_s: float = 30.0) -> bool:
        """Return whether the process has ended by itself."""
        assert self._process is not None
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(within_s) != 0
        return False

    def make_room(self) -> None:
        """Empty the file system again, and start it if it has died."""
        (self._folder / "ballast").unlink()
        if self._process is None or self._process.poll() is not None:
            self.start()

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextmanager
def small_mongod(folder: Path) -> Iterator[SmallMongod]:
    """Yield a running one, with its files in a file system that is mounted below a folder."""
    mounted = folder / "mongod"
    mounted.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", mounted], check=True)
    found = SmallMongod(mounted)
    try:
        found.start()
        yield found
    finally:
        found.stop()
        subprocess.run(["umount", mounted], check=True)
