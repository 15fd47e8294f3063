"""A TCP proxy in front of a store, that can stop forwarding without closing, or reset every connection."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

CHUNK = 65_536
# SO_LINGER on, 0 s: close() sends RST instead of FIN (socket(7)).
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Proxy:
    """Forwards to a port of this host. ``freeze`` makes it hang.

    ``reset_after`` resets connections that have sent so many bytes.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self._flowing = threading.Event()
        self._flowing.set()
        self.reset_after: int | None = None
        self.resets = 0
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self) -> None:
        """Forward nothing from now on; connections stay open."""
        self._flowing.clear()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            for source, sink, counts in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._forward, args=(source, sink, counts), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket, counts: bool) -> None:
        forwarded = 0
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                self._flowing.wait()
                forwarded += len(data)
                if counts and self.reset_after is not None and forwarded > self.reset_after:
                    self.reset_after = None
                    self.resets += 1
                    sink.sendall(data[: len(data) // 2])
                    source.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                    break
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        """Take no more connections, and let those that hang go on."""
        self._flowing.set()
        self._server.close()


@contextlib.contextmanager
def proxied(port: int) -> Iterator[Proxy]:
    """A proxy in front of a port for the length of a block."""
    proxy = Proxy(port)
    try:
        yield proxy
    finally:
        proxy.close()
