"""Receivers of webhooks that fail, hang, close and lie, and the flights that they are told of."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from flight_assets.api.webhooks.worker import Worker
from flight_assets.queries.clients import Clients
from flight_assets.settings import Settings
from flight_assets.stores import mongo

WAIT_S, START_S = 30, 180
TIMEOUT_S = 0.6


def deliver() -> None:
    """Do nothing but deliver, by the settings of the environment, until killed."""
    settings = Settings()
    Worker(settings, Clients(settings).mongo, lambda outcome: None).start()
    threading.Event().wait()


class Taker(ThreadingHTTPServer):
    """Receiver that behaves as its list says, one word per request, then takes everything."""

    daemon_threads = True

    def __init__(self, *behaviour: str, always: str = "take") -> None:
        self.behaviour, self.always = list(behaviour), always
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.taken: list[dict] = []
        self.released = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook?a=1"

    @property
    def ids(self) -> list[str]:
        return [headers["Webhook-Id"] for headers, _ in self.requests]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server = self.server
        assert isinstance(server, Taker)
        server.requests.append((dict(self.headers), body))
        word = server.behaviour.pop(0) if server.behaviour else server.always
        if word == "stall":
            server.released.wait(START_S)
        if word in ("close", "stall"):
            return
        if word == "hang":
            time.sleep(3 * TIMEOUT_S)
        if word == "drip":
            for byte in b"HTTP/1.1 200 OK\r\nX: " + b"y" * 50:
                self.wfile.write(bytes([byte]))
                time.sleep(TIMEOUT_S / 4)
        if word == "take":
            server.taken.append(json.loads(body))
        self.send_response({"fail": 500, "elsewhere": 302}.get(word, 200))
        if word == "elsewhere":
            self.send_header("Location", "/other")
        self.end_headers()

    def log_message(self, *_words) -> None: ...

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:  # the platform hung up
            self.close_connection = True


def until(holds, why: str = "", wait_s: float = WAIT_S) -> None:
    deadline = time.monotonic() + wait_s
    while not holds():
        assert time.monotonic() < deadline, why
        time.sleep(0.05)


def flight(db, airline: str, number: int, event_type: str = "departed") -> str:
    """Write a flight's document, as a batch does."""
    now = datetime.now(UTC)
    name = f"{airline}{number}-EWR-20260612"
    document = {
        "_id": name, "flight_id": name, "event_type": event_type, "timestamp": now, "airline": airline,
        "origin": "EWR", "destination": "IAH", "route": "EWR-IAH", "ingestion_timestamp": now, "batch_id": 1,
        "tail_number": None, "version": {"timestamp_us": 1, "kafka_offset": 1}, "scheduled_departure": now,
    }  # fmt: skip
    db[mongo.FLIGHTS].replace_one({"_id": name}, document, upsert=True)
    return name
