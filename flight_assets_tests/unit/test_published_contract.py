"""The contract for other programs says what the platform itself reads and sends."""

from __future__ import annotations

import json
from itertools import islice

import jsonschema
import pytest
from click.testing import CliRunner

from flight_assets.cli import main
from flight_assets.contracts.message import MESSAGE_FIELDS, SCHEMA_VERSIONS, EventType, fields_of
from flight_assets.contracts.published import DRAFT, asyncapi, example, json_schema
from flight_assets.producer.replay import replay_messages
from flight_assets_tests.factories import message, without

VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def errors(event: object) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(event)]


def test_the_schema_is_one_of_its_draft() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert json_schema()["$schema"] == DRAFT


def test_every_field_of_the_contract_is_in_it() -> None:
    assert list(json_schema()["properties"]) == [field.name for field in MESSAGE_FIELDS]


@pytest.mark.parametrize("kind", list(EventType))
def test_an_example_of_each_event_is_valid(kind: EventType) -> None:
    assert errors(example(kind)) == []
    known = {field.name for field in fields_of(SCHEMA_VERSIONS[-1])}
    assert set(example(kind)) <= known


def test_the_producers_messages_are_valid() -> None:
    found = [
        error
        for sent in islice(replay_messages(events=2_000), 0, 2_000, 7)
        for error in errors(json.loads(sent.value))
    ]
    assert found == []


@pytest.mark.parametrize(
    "event",
    [
        [],
        without("flight_id"),
        message(schema_version=99),
        message(event_type="landed"),
        message(flight_number=0),
        message(flight_number="1545"),
        message(distance_miles=0),
        message(timestamp="yesterday"),
        message(origin="Newark"),
        message(airline="UNITED"),
        message(flight_id="UA1545"),
        message(event_type="departed", departure_delay_minutes=None),
        message(event_type="departed", arrival_delay_minutes=3.0),
        message(event_type="arrived", arrival_delay_minutes=99_999.0),
        message(weather="fine"),
    ],
    ids=str,
)
def test_what_breaks_the_contract_is_not_valid(event: object) -> None:
    assert errors(event)


@pytest.mark.parametrize(
    "event",
    [
        message(remarks="unknown fields are allowed"),
        message(tail_number=None, weather=None, scheduled_arrival=None),
        message(timestamp="2013-06-12T13:00:00.123456789+00:00"),
        message(event_type="cancelled"),
        without("weather"),
    ],
    ids=str,
)
def test_what_the_platform_takes_is_valid(event: object) -> None:
    assert errors(event) == []


def test_asyncapi_names_topic_key_and_payload() -> None:
    document = asyncapi("my_topic")
    assert document["channels"]["flightEvents"]["address"] == "my_topic"
    [found] = document["components"]["messages"].values()
    assert found["payload"]["properties"] == json_schema()["properties"]
    assert len(found["examples"]) == len(EventType)


@pytest.mark.parametrize("option", ["--json-schema", "--asyncapi"])
def test_the_command_prints_a_document(option: str) -> None:
    result = CliRunner().invoke(main, ["contract", option], catch_exceptions=False)
    assert json.loads(result.output)


def test_the_command_prints_every_field_within_80_columns() -> None:
    result = CliRunner().invoke(main, ["contract"], catch_exceptions=False)
    names = [line.split()[0] for line in result.output.splitlines() if not line.startswith(" ")]
    assert names == [field.name for field in MESSAGE_FIELDS]
