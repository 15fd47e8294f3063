"""Server-sent events.

There is one reader of MongoDB's changes for all listeners, each with its own scope and filters.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from flight_assets import logs
from flight_assets.api.problems import Problem
from flight_assets.queries import changes, scoped

if TYPE_CHECKING:
    from flight_assets.queries.clients import Clients
    from flight_assets.queries.scoped import Wanted
    from flight_assets.tenancy import Scope

# Newest changes in memory, for listeners that come back. Older ones are read from MongoDB again.
KEPT = 20_000
# A listener that is so many events behind is disconnected, and goes on with Last-Event-ID.
WAITING_AT_MOST = 5_000
HEARTBEAT_S = 15.0
RECONNECT_MS = 2_000
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0
_log = logs.get_logger("api")


@dataclass(frozen=True)
class Event:
    """Change of a flight, encoded once for all listeners."""

    token: str
    flight: dict[str, Any]
    text: bytes


@dataclass(eq=False)
class Listener:
    """One open stream. ``is_over``: it fell too far behind, or the server stops."""

    matches: Callable[[dict[str, Any]], bool]
    queue: deque[Event] = field(default_factory=deque)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    is_over: bool = False


def event_of(change: changes.Change, shape: Callable[[dict[str, Any]], object]) -> Event:
    """Return a change as the text of a server-sent event; its id is the token."""
    data = msgspec.json.encode(shape(change.flight))
    text = b"id: %b\nevent: flight\ndata: %b\n\n" % (change.token.encode(), data)
    return Event(change.token, change.flight, text)


class Hub:
    """Reader of changes in a thread, started with the first listener, and the open streams."""

    def __init__(
        self, clients: Clients, shape: Callable[[dict[str, Any]], object], listeners_at_most: int
    ) -> None:
        self._clients, self._shape, self._most = clients, shape, listeners_at_most
        self._listeners: set[Listener] = set()
        self._recent: deque[Event] = deque(maxlen=KEPT)
        self._stopped = threading.Event()
        self._started = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self, scope: Scope, wanted: Wanted, after: str | None) -> AsyncIterator[bytes]:
        """Return the bytes of a stream: the changes after a token, then each new one.

        Raises:
            Problem: 429 with too many listeners, 410 if the changes after the token are gone.
            StoreUnavailable: MongoDB does not answer.
        """
        if len(self._listeners) >= self._most:
            wait = {"Retry-After": "5"}
            raise Problem(
                429, f"{self._most} streams are open", "close one, or wait", "too-many-streams", wait
            )
        await asyncio.to_thread(self._clients.mongo)
        await self._start()
        listener = Listener(scoped.matcher(scope, wanted))
        self._listeners.add(listener)
        try:
            missed = await self._missed(after) if after else []
        except BaseException:
            self._listeners.discard(listener)
            raise
        return self._stream(listener, missed)

    async def _missed(self, after: str) -> list[Event]:
        """Return the changes after a token up to those that the listener has in its queue."""
        tokens = [event.token for event in self._recent]
        if after in tokens:
            return list(self._recent)[tokens.index(after) + 1 :]
        # The listener is registered, so a change is in what is read here, in its queue, or in both.
        return await asyncio.to_thread(self._read_again, after)

    def _read_again(self, after: str) -> list[Event]:
        try:
            found = changes.since(self._clients.mongo(), after, KEPT)
        except changes.TokenLost:
            raise Problem(
                410,
                "the changes after this Last-Event-ID are gone",
                "read the list of flights, and connect without Last-Event-ID",
                "token-lost",
            ) from None
        return [event_of(change, self._shape) for change in found]

    async def _stream(self, listener: Listener, missed: list[Event]) -> AsyncIterator[bytes]:
        last = missed[-1].token if missed else ""
        try:
            yield b"retry: %d\n\n" % RECONNECT_MS
            for event in missed:
                if listener.matches(event.flight):
                    yield event.text
            while True:
                while listener.queue:
                    event = listener.queue.popleft()
                    # Tokens sort in the order of the changes.
                    if event.token > last:
                        yield event.text
                if listener.is_over:
                    return
                listener.wake.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(HEARTBEAT_S):
                        await listener.wake.wait()
                if not listener.queue and not listener.is_over:
                    yield b": still here\n\n"
        finally:
            self._listeners.discard(listener)

    async def _start(self) -> None:
        """Start the reader, and return when it follows the changes."""
        self._loop = asyncio.get_running_loop()
        if self._thread is None:
            self._thread = threading.Thread(target=self._read, name="changes", daemon=True)
            self._thread.start()
        await asyncio.to_thread(self._started.wait, 5.0)

    def _read(self) -> None:
        """Follow the changes until the hub is closed. After a failure, go on after the last one."""
        pause, token = FIRST_PAUSE_S, None
        while not self._stopped.is_set():
            try:
                for change in changes.follow(self._clients.mongo(), token):
                    self._started.set()
                    pause = FIRST_PAUSE_S
                    if self._stopped.is_set():
                        return
                    if change:
                        token = change.token
                        self._tell(event_of(change, self._shape))
            except changes.TokenLost:
                _log.error("changes were lost: streams end, and their listeners connect again")
                token = None
                self._tell(None)
            except Exception as error:  # any error of the client means that MongoDB does not answer
                _log.warning("changes cannot be read", problem=str(error).splitlines()[0])
            self._stopped.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def _tell(self, event: Event | None) -> None:
        assert self._loop is not None  # noqa: S101 - the reader starts after it is set
        with suppress(RuntimeError):  # the loop is closed: the server stops
            self._loop.call_soon_threadsafe(self._hand_out, event)

    def _hand_out(self, event: Event | None) -> None:
        if event is None:
            self._recent.clear()
        else:
            self._recent.append(event)
        for listener in self._listeners:
            # Nothing follows a gap: the stream ends with what came before it.
            if event is None or listener.is_over or len(listener.queue) >= WAITING_AT_MOST:
                listener.is_over = True
                listener.wake.set()
            elif listener.matches(event.flight):
                listener.queue.append(event)
                listener.wake.set()

    def close(self) -> None:
        """End every stream and the reader."""
        self._stopped.set()
        for listener in self._listeners:
            listener.is_over = True
            listener.wake.set()
