"""One POST of a webhook: to given addresses, without redirects, within a time limit for all of it."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flight_assets.api.webhooks.targets import Target


class NotTaken(Exception):
    """Attempt that the receiver did not take; ``status`` is its answer, or None without one."""

    def __init__(self, problem: str, status: int | None = None) -> None:
        super().__init__(problem)
        self.status = status


class _Connection(http.client.HTTPConnection):
    """Connection to given addresses of a host, whose name is for TLS and the Host header only."""

    def __init__(self, target: Target, addresses: Sequence[str], timeout_s: float) -> None:
        super().__init__(target.host, target.port, timeout=timeout_s)
        self._target, self._addresses, self._timeout_s = target, addresses, timeout_s
        self.default_port = http.client.HTTPS_PORT if target.is_tls else http.client.HTTP_PORT

    def connect(self) -> None:
        """Connect to the first address that answers, and shake hands where TLS is asked for."""
        self.sock = self._connected()
        if self._target.is_tls:
            # The socket is known before the handshake, so that ``cut`` ends a slow one as well.
            self.sock = _tls().wrap_socket(
                self.sock, server_hostname=self._target.host, do_handshake_on_connect=False
            )
            self.sock.do_handshake()

    def _connected(self) -> socket.socket:
        each_s = self._timeout_s / len(self._addresses)
        for address in self._addresses[:-1]:
            with suppress(OSError):
                return self._at(address, each_s)
        return self._at(self._addresses[-1], each_s)

    def _at(self, address: str, connect_s: float) -> socket.socket:
        made = socket.create_connection((address, self._target.port), connect_s)
        made.settimeout(self._timeout_s)
        return made

    def cut(self) -> None:
        """End whatever the connection waits for."""
        with suppress(OSError, AttributeError):
            self.sock.shutdown(socket.SHUT_RDWR)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def post(
    target: Target, addresses: Sequence[str], body: bytes, headers: Mapping[str, str], timeout_s: float
) -> int:
    """Send a body and return the status, which is 2xx. The receiver's body is not read.

    Raises:
        NotTaken: any other status, no answer within ``timeout_s`` seconds, or no connection.
    """
    connection = _Connection(target, addresses, timeout_s)
    is_late = threading.Event()

    def end() -> None:
        is_late.set()
        connection.cut()

    # A receiver that sends a byte now and then never runs into a socket's own timeout.
    limit = threading.Timer(timeout_s, end)
    limit.daemon = True
    limit.start()
    try:
        connection.request("POST", target.path, body, dict(headers))
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        late = is_late.is_set() or isinstance(error, TimeoutError)
        problem = f"no answer within {timeout_s:g} s" if late else f"no answer: {type(error).__name__}"
        raise NotTaken(problem) from error
    finally:
        limit.cancel()
        connection.close()
    if not 200 <= status < 300:
        raise NotTaken(f"the receiver answered {status}", status)
    return status
