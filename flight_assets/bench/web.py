"""Web server of the benchmark's own: a free port, and the wait until it answers."""

from __future__ import annotations

import time
import urllib.request
from contextlib import closing
from socket import socket
from urllib.error import URLError

from flight_assets.errors import FlightsError
from flight_assets.settings import LOOPBACK

START_S = 60.0
POLL_S = 0.3


def free_port() -> int:
    """Return a port of the loopback interface on which nothing listens at this moment."""
    with closing(socket()) as found:
        found.bind((LOOPBACK, 0))
        return int(found.getsockname()[1])


def wait_until_healthy(url: str) -> None:
    """Return as soon as the address answers.

    Raises:
        FlightsError: it does not answer within ``START_S`` seconds.
    """
    deadline = time.monotonic() + START_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - an address of our own
                return
        except (URLError, OSError) as error:
            if time.monotonic() > deadline:
                raise FlightsError(
                    f"{url} did not answer within {START_S:.0f} s: read the server's log"
                ) from error
            time.sleep(POLL_S)
