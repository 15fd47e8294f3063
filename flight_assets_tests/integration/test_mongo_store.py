"""The hot store against a real MongoDB, in a database of the tests' own."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from flight_assets.contracts.tables import PREDICTED_COLUMNS
from flight_assets.errors import FlightsError, StoreUnavailable
from flight_assets.stores import mongo, mongo_documents, mongo_writes
from flight_assets.stores.mongo_expiry import EXPIRING, REPLAYS
from flight_assets_tests.factories import HAPPENED, fact, utc

pytestmark = pytest.mark.integration
EXPIRES_WITHIN_S = 150.0
PREDICTION = dict.fromkeys(PREDICTED_COLUMNS, 1.5) | {"model_version": "v1"}


@pytest.fixture
def own(platform):
    """Settings of an empty database with the collection, which is dropped in the end."""
    settings = platform.model_copy(update={"mongo_database": "test_mongo_store"})
    with mongo.connect(settings) as client:
        client.drop_database("test_mongo_store")
        mongo.ensure_collection(settings)
        yield settings
        client.drop_database("test_mongo_store")


@pytest.fixture
def flights(own):
    """The collection of flights."""
    with mongo.database(own) as db:
        yield db[mongo.FLIGHTS]


def state(event_type: str = "scheduled", offset: int = 0, number: int = 1545, **changes):
    """The document of one flight in one state."""
    flight_id = f"UA{number}-EWR-20130612"
    return mongo_documents.document(
        fact(event_type=event_type, kafka_offset=offset, flight_id=flight_id, flight_number=number, **changes)
    )


def counts(upserted: int, out_of_order: int) -> mongo_writes.UpsertCounts:
    return mongo_writes.UpsertCounts(upserted, out_of_order)


def test_the_collection_has_its_indexes_and_no_ttl(flights):
    indexes = flights.index_information()
    assert {"timestamp_1", "flight_id_1", "ingestion_timestamp_1"} <= set(indexes)
    assert not any("expireAfterSeconds" in index for index in indexes.values())


@pytest.fixture
def impatient_mongod(own):
    """A mongod that looks for what has expired each second, once its first minute is over."""
    with mongo.database(own) as db:
        db.client.admin.command("setParameter", 1, ttlMonitorSleepSecs=1)
        yield db
        db.client.admin.command("setParameter", 1, ttlMonitorSleepSecs=60)


def test_what_is_kept_for_a_while_expires_and_a_flight_never_does(own, flights, impatient_mongod):
    db, now = impatient_mongod, datetime.now(UTC)
    mongo.ensure_collection(own)
    mongo_writes.upsert_newer(flights, [state()])
    for name, (field, days) in EXPIRING.items():
        db[name].insert_many(
            [
                {"_id": "old", field: now - timedelta(days=days, seconds=1)},
                {"_id": "young", field: now - timedelta(days=days) + timedelta(hours=1)},
                {"_id": "without the field"},
            ],
            bypass_document_validation=True,  # only the times matter here
        )
    deadline = time.monotonic() + EXPIRES_WITHIN_S
    while any(db[name].count_documents({"_id": "old"}) for name in EXPIRING):
        assert time.monotonic() < deadline, "it does not expire"
        time.sleep(0.2)
    assert {name: db[name].count_documents({}) for name in EXPIRING} == dict.fromkeys(EXPIRING, 2)
    assert flights.count_documents({"ingestion_timestamp": {"$lt": now - timedelta(days=10 * 365)}}) == 1


def test_an_index_with_another_time_is_brought_to_the_time_of_this_version(own, flights):
    field, days = EXPIRING[REPLAYS]
    with mongo.database(own) as db:
        db[REPLAYS].drop()
        db[REPLAYS].create_index(field, expireAfterSeconds=5)
        mongo.ensure_collection(own)
        assert db[REPLAYS].index_information()[f"{field}_1"]["expireAfterSeconds"] == days * 86_400


def test_creating_the_collection_again_keeps_its_documents_and_indexes(own, flights):
    mongo_writes.upsert_newer(flights, [state()])
    before = flights.index_information()
    mongo.ensure_collection(own)
    assert flights.count_documents({}) == 1
    assert flights.index_information() == before


def test_a_collection_that_is_there_without_validator_gets_it(own, flights):
    flights.database.command("collMod", mongo.FLIGHTS, validator={}, validationLevel="off")
    mongo.ensure_collection(own)
    options = flights.options()
    assert (options["validator"], options["validationLevel"], options["validationAction"]) == (
        mongo.VALIDATOR,
        "strict",
        "error",
    )


def test_a_batch_confirms_the_version_that_was_written_ahead_of_it_and_only_a_later_one_replaces_it(flights):
    ahead, confirmed = state(batch_id=mongo_documents.UNCONFIRMED), state(batch_id=7)
    assert mongo_writes.upsert_newer(flights, [ahead]) == counts(1, 0)
    assert mongo_writes.upsert_newer(flights, [confirmed]) == counts(1, 0)
    assert flights.find_one() == confirmed
    for repeated in (ahead, state(batch_id=6)):
        assert mongo_writes.upsert_newer(flights, [repeated]) == counts(1, 0)
        assert flights.find_one() == confirmed
    mongo_writes.upsert_newer(flights, [state(batch_id=9)])
    assert flights.find_one()["batch_id"] == 9


def test_a_newer_version_written_ahead_stays_when_an_older_batch_comes(flights):
    mongo_writes.upsert_newer(flights, [state("departed", 3, batch_id=mongo_documents.UNCONFIRMED)])
    assert mongo_writes.upsert_newer(flights, [state(batch_id=7)]) == counts(0, 1)
    found = flights.find_one()
    assert (found["event_type"], found["batch_id"]) == ("departed", mongo_documents.UNCONFIRMED)


@pytest.mark.parametrize("event_type", ["scheduled", "departed", "arrived", "cancelled"])
def test_a_flight_in_any_state_passes_the_validator(flights, event_type):
    assert mongo_writes.upsert_newer(flights, [state(event_type, batch_id=2**40, **PREDICTION)]) == counts(
        1, 0
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"airline": None},
        {"timestamp": "2013-06-12T13:00:00Z"},
        {"event_type": "landed"},
        {"origin": "ewr"},
        {"destination": "K?AH"},
        {"flight_id": "UA1545"},
        {"batch_id": "0"},
        {"quality_score": 1.01},
        {"prediction": 5.0},
        {"ingestion_timestamp": None},
        {"scheduled_departure": "soon"},
    ],
    ids=str,
)
def test_an_invalid_document_is_refused_with_a_sentence(flights, changes):
    with pytest.raises(
        FlightsError, match="MongoDB refused 1 documents, the first because: Document failed validation"
    ):
        mongo_writes.upsert_newer(flights, [state() | changes])
    assert flights.count_documents({}) == 0


def test_a_missing_required_field_is_refused(flights):
    incomplete = {name: value for name, value in state().items() if name != "batch_id"}
    with pytest.raises(FlightsError, match="refused 1 documents"):
        mongo_writes.upsert_newer(flights, [incomplete])


def test_a_refused_document_does_not_keep_the_others_out(flights):
    with pytest.raises(FlightsError, match="refused 1 documents"):
        mongo_writes.upsert_newer(flights, [state() | {"airline": 5}, state(number=2), state(number=3)])
    assert flights.distinct("flight_number") == [2, 3]


def test_a_newer_state_replaces_the_whole_document(flights):
    mongo_writes.upsert_newer(flights, [state("scheduled") | {"left_over": 1}])
    assert mongo_writes.upsert_newer(flights, [state("departed", offset=1)]) == counts(1, 0)
    kept = flights.find_one({"_id": "UA1545-EWR-20130612"})
    assert (kept["event_type"], kept["departure_delay_minutes"], "left_over" in kept) == (
        "departed",
        4.0,
        False,
    )


def test_an_older_state_that_comes_late_is_left_out(flights):
    mongo_writes.upsert_newer(flights, [state("arrived", offset=1)])
    assert mongo_writes.upsert_newer(flights, [state("departed", offset=9)]) == counts(0, 1)
    assert flights.find_one()["event_type"] == "arrived"


def test_of_two_states_of_one_moment_the_later_offset_wins(flights):
    moment = HAPPENED["departed"]
    mongo_writes.upsert_newer(flights, [state("departed", offset=7, timestamp=moment)])
    assert mongo_writes.upsert_newer(flights, [state("cancelled", offset=6, timestamp=moment)]) == counts(
        0, 1
    )
    assert mongo_writes.upsert_newer(flights, [state("cancelled", offset=8, timestamp=moment)]) == counts(
        1, 0
    )
    assert flights.find_one()["event_type"] == "cancelled"


def test_a_later_offset_does_not_beat_a_later_time(flights):
    mongo_writes.upsert_newer(flights, [state("departed", offset=1)])
    assert mongo_writes.upsert_newer(flights, [state("scheduled", offset=10**12)]) == counts(0, 1)


def test_writing_the_same_states_again_counts_the_same_and_changes_nothing(flights):
    batch = [state("arrived", offset=nth, number=nth) for nth in range(1, 6)]
    older = [state("scheduled", offset=0, number=1)]
    assert mongo_writes.upsert_newer(flights, batch) == counts(5, 0)
    before = list(flights.find().sort("_id"))
    assert mongo_writes.upsert_newer(flights, batch) == counts(5, 0)
    assert (
        mongo_writes.upsert_newer(flights, older) == mongo_writes.upsert_newer(flights, older) == counts(0, 1)
    )
    assert list(flights.find().sort("_id")) == before


def test_of_two_states_within_a_millisecond_the_later_one_wins(flights):
    """MongoDB's dates end at the millisecond, the contract's times at the microsecond."""
    mongo_writes.upsert_newer(flights, [state("departed", offset=1, timestamp="2013-06-12T14:04:00.000900Z")])
    assert mongo_writes.upsert_newer(
        flights, [state("cancelled", offset=2, timestamp="2013-06-12T14:04:00.000100Z")]
    ) == counts(0, 1)


def test_writing_a_state_with_microseconds_again_counts_the_same(flights):
    batch = [state("departed", timestamp="2013-06-12T14:04:00.123456Z")]
    assert (
        mongo_writes.upsert_newer(flights, batch) == mongo_writes.upsert_newer(flights, batch) == counts(1, 0)
    )


def test_new_newer_same_and_older_states_in_one_call_are_counted_apart(flights):
    mongo_writes.upsert_newer(flights, [state("departed", offset=5, number=nth) for nth in (1, 2, 3)])
    mixed = [
        state("arrived", offset=6, number=1),
        state("departed", offset=5, number=2),
        state("scheduled", offset=4, number=3),
        state("scheduled", offset=3, number=4),
    ]
    assert mongo_writes.upsert_newer(flights, mixed) == counts(3, 1)
    assert {found["flight_number"]: found["event_type"] for found in flights.find()} == {
        1: "arrived",
        2: "departed",
        3: "departed",
        4: "scheduled",
    }


def test_of_two_states_of_a_new_flight_in_one_call_the_newer_stays_whichever_comes_first(flights):
    assert mongo_writes.upsert_newer(
        flights, [state("scheduled", number=1), state("departed", offset=1, number=1)]
    ) == counts(2, 0)
    assert mongo_writes.upsert_newer(
        flights, [state("departed", offset=1, number=2), state("scheduled", number=2)]
    ) == counts(1, 1)
    assert {found["event_type"] for found in flights.find()} == {"departed"}


def test_more_flights_than_one_bulk_holds_are_all_written(flights):
    many = [state(number=nth) for nth in range(1, mongo_writes.WRITES_PER_BULK * 2 + 2)]
    assert mongo_writes.upsert_newer(flights, many) == counts(len(many), 0)
    assert flights.count_documents({}) == len(many)


def test_nothing_to_write_is_no_error(flights):
    assert mongo_writes.upsert_newer(flights, []) == counts(0, 0)


def test_times_come_back_as_utc(flights):
    mongo_writes.upsert_newer(flights, [state()])
    assert flights.find_one()["timestamp"] == utc(HAPPENED["scheduled"])
    assert flights.find_one()["timestamp"].utcoffset() == timedelta(0)


def test_a_server_that_is_not_there_is_named(platform):
    gone = platform.model_copy(
        update={"mongo_uri": "mongodb://user:secret@127.0.0.1:9/?replicaSet=flights", "timeout_s": 0.5}
    )
    with (
        pytest.raises(StoreUnavailable, match=r"MongoDB does not answer at 127\.0\.0\.1:9") as caught,
        mongo.database(gone) as db,
    ):
        db.command("ping")
    assert "secret" not in str(caught.value)
