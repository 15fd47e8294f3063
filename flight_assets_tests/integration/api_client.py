"""Client of the API, and flights of two airlines that differ in the airline only."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import requests

from flight_assets.automation.runs import run_job
from flight_assets.settings import Settings
from flight_assets.stores import mongo, mongo_writes, outbox, subscriptions
from flight_assets.tenancy import Scope
from flight_assets_tests.factories import message

DEPARTURE = datetime(2026, 6, 12, 14, tzinfo=UTC)
FLIGHTS = 12

# Marks that are in every answer about a flight of the airline.
MARKS = {"UA": ("UA77", "N7UA"), "AA": ("AA77", "N7AA")}
# A complex event about a flight of the airline, and one about the airport of both.
FINDINGS = {"UA": "a" * 16, "AA": "b" * 16}
STOP = "c" * 16
TENANTS = {"UA": "apitestunited", "AA": "apitestamerican"}
WAIT_S = 60
CASES_PER_ROUTE = 10

# Routes that say nothing of any flight.
PUBLIC = {"/v1/health", "/v1/reference/{kind}"}

# How a test asks each route for flight {flight_id}, and what a tenant may get for its own.
CALLS = {
    "GET /v1/flights": ("/v1/flights?limit=1000", 200),
    "GET /v1/flights/{flight_id}": ("/v1/flights/{flight_id}", 200),
    "GET /v1/flights/{flight_id}/history": ("/v1/flights/{flight_id}/history", 200),
    "GET /v1/forecasts": ("/v1/forecasts?hours=8760&limit=1000", 200),
    "GET /v1/forecasts/{flight_id}": ("/v1/forecasts/{flight_id}?reasons=true", 200),
    "GET /v1/aggregates/{by}": ("/v1/aggregates/airline", 200),
    "GET /v1/stream/flights": ("", 200),
    "POST /v1/predict": ("/v1/predict", 200),
    "POST /v1/events": ("/v1/events", 202),
    "GET /v1/events": ("/v1/events?limit=1000", 200),
    "GET /v1/events/{finding_id}": ("/v1/events/{finding_id}", 200),
    "GET /v1/subscriptions": ("/v1/subscriptions", 200),
    "POST /v1/subscriptions": ("/v1/subscriptions", 201),
    "GET /v1/subscriptions/{subscription}": ("/v1/subscriptions/{subscription}", 200),
    "DELETE /v1/subscriptions/{subscription}": ("/v1/subscriptions/{subscription}", 204),
    "POST /v1/subscriptions/{subscription}/resume": ("/v1/subscriptions/{subscription}/resume", 200),
    "GET /v1/subscriptions/{subscription}/deliveries": ("/v1/subscriptions/{subscription}/deliveries", 200),
    "GET /v1/reference/{kind}": ("/v1/reference/airlines", 200),
    "GET /v1/health": ("/v1/health", 200),
    **{
        f"GET {path}": (path.format(batch_id=0, reason="not_json"), 403)
        for path in (
            *(
                "/v1/batches",
                "/v1/batches/{batch_id}",
                "/v1/checks",
                "/v1/quarantine",
                "/v1/quarantine/{reason}",
            ),
            *(
                "/v1/archives",
                "/v1/archives/status",
                "/v1/freshness",
                "/v1/lag",
                "/v1/hot-store",
                "/v1/metrics",
            ),
        )
    },
}


# A documentation address: an attempt to reach it is refused without a look at any network.
NOWHERE = "http://192.0.2.1/"
SUBSCRIPTIONS: dict[str, str] = {}


class Api:
    """The API with one key."""

    def __init__(self, settings: Settings, key: str) -> None:
        self.url = settings.api_url
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {key}"

    def get(self, path: str, **headers: str) -> requests.Response:
        return self.session.get(self.url + path, headers=headers, timeout=WAIT_S)

    def post(self, path: str, body: object) -> requests.Response:
        return self.session.post(self.url + path, json=body, timeout=WAIT_S)

    def events(self, last_event_id: str = "") -> Iterator[tuple[str, dict]]:
        """The id and data of each event of the stream."""
        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        with self.session.get(
            f"{self.url}/v1/stream/flights", headers=headers, stream=True, timeout=WAIT_S
        ) as answer:
            assert answer.status_code == 200, answer.text
            event_id = ""
            for line in answer.iter_lines(chunk_size=1):
                name, _, value = line.decode().partition(": ")
                if name == "id":
                    event_id = value
                elif name == "data":
                    yield event_id, json.loads(value)


def flight_id(airline: str, number: int = 7700) -> str:
    return f"{airline}{number}-EWR-20260612"


def flight(airline: str, number: int, event_type: str = "scheduled") -> dict:
    """A message of a twin: flights of the two airlines differ in the airline only."""
    changes = {"scheduled": {}, "departed": {"departure_delay_minutes": 4.0}}[event_type]
    departure = DEPARTURE + timedelta(minutes=number - 7700)
    moment = departure - timedelta(hours=1) if event_type == "scheduled" else departure + timedelta(minutes=4)
    return message(
        **changes,
        event_id=f"api:{airline}{number}:{event_type}",
        event_type=event_type,
        flight_id=flight_id(airline, number),
        airline=airline,
        flight_number=number,
        tail_number=f"N7{airline}",
        timestamp=moment.isoformat(),
        scheduled_departure=departure.isoformat(),
        scheduled_arrival=(departure + timedelta(hours=4)).isoformat(),
    )


def touch(admin: Api, airline: str) -> None:
    """Change a document of each airline, as live processing would."""
    from flight_assets.settings import get_settings

    with mongo.database(get_settings()) as db:
        for code in MARKS:
            db[mongo.FLIGHTS].update_one({"_id": flight_id(code)}, {"$inc": {"quality_score": -0.000001}})


def listen(api: Api, seen: list[tuple[str, dict]], count: int, last_event_id: str = "") -> None:
    for event in api.events(last_event_id):
        seen.append(event)
        if len(seen) >= count:
            return


def until(holds) -> None:
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def subscribed(db, airline: str, tenant: str) -> str:
    """Store a subscription of a tenant to its flight, with a delivery. Returns its id."""
    about, departed = flight_id(airline), subscriptions.Condition.DEPARTED
    wish = subscriptions.Wish(NOWHERE, subscriptions.Subject.FLIGHT, about, departed)
    made = subscriptions.create(Scope(tenant, (airline,)), db, wish, most=9)
    delivery = outbox.Delivery(uuid4().hex, made.id, tenant, departed, about, "{}")
    assert outbox.add(db, [delivery]) == 1
    return made.id


def send_twins(admin: Api, process: Callable[[], object], settings: Settings) -> None:
    """Send flights of two airlines, the same but for the airline, into every store and the rollups."""
    sent = [flight(airline, 7700 + number) for airline in MARKS for number in range(FLIGHTS)]
    answer = admin.post("/v1/events", sent)
    assert (answer.status_code, answer.json()["rejected"]) == (202, 0), answer.text
    process()
    run_job(settings, "update_rollups")
    at = DEPARTURE + timedelta(hours=2)
    overdue = {
        "pattern": "overdue", "severity": "warning", "group": "overdue", "rank": 13, "airport": "EWR",
        "started": at, "raised": at, "updated": at, "changes": 1, "numbers": {}, "batch_id": 0,
    }  # fmt: skip
    own = [
        {**overdue, "_id": name, "key": flight_id(code), "airline": code, "flight_ids": [flight_id(code)],
         "explanation": f"{flight_id(code)} is overdue."} for code, name in FINDINGS.items()
    ]  # fmt: skip
    both = [flight_id(code) for code in MARKS]
    stop = {**overdue, "_id": STOP, "pattern": "ground_stop", "key": "airport:EWR", "airline": "",
            "flight_ids": both, "explanation": f"EWR has stopped: {both} wait."}  # fmt: skip
    with mongo.database(settings) as db:
        mongo_writes.replace_all(db[mongo.FINDINGS], [*own, stop])
