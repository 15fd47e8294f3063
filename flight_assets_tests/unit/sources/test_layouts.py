"""Each layout: how it is recognised, and a flight of it to the minute. All rows are the tests' own."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from flight_assets.errors import FlightsError
from flight_assets.producer.validation import verdicts
from flight_assets.transforms.check import check
from flight_assets.transforms.inputs import Checks
from flight_assets_tests.unit.sources.conftest import Loaded
from flight_assets_tests.unit.sources.layout_files import (
    AEROAPI,
    ANAC_OLD,
    DATA_EXPO_HEADER,
    DATA_EXPO_ROW,
    FIREHOSE,
    KAGGLE,
    NYC,
    PREZIP,
    T_ONTIME,
)

Load = Callable[..., Loaded]


def test_a_bts_monthly_file(load: Load) -> None:
    found = load({"on_time.csv": PREZIP})
    assert found.layouts == ["bts-prezip"]
    assert found.times("departed") == {
        "WN335-IAD-20080103": "2008-01-04T01:03:00Z",
        "UA12-SFO-20080103": "2008-01-04T07:50:00Z",
    }
    # Signed delays: 14 minutes early, where ArrDelayMinutes says 0. The diverted one reached Newark three
    # hours late.
    assert found.times("arrived") == {
        "WN335-IAD-20080103": "2008-01-04T03:11:00Z",
        "UA12-SFO-20080103": "2008-01-04T16:15:00Z",
    }
    assert found.times("cancelled") == {"WN448-IAD-20080103": "2008-01-03T11:20:00Z"}
    assert found.flights()["WN335-IAD-20080103"]["arrival_delay_minutes"] == -14.0
    assert found.survey.diverted == 1


def test_a_bts_monthly_file_with_its_older_headings(load: Load) -> None:
    older = {
        "IATA_CODE_Reporting_Airline": "Carrier",
        "Reporting_Airline": "UniqueCarrier",
        "Tail_Number": "TailNum",
    }
    text = PREZIP
    for new, old in {**older, "Flight_Number_UniqueCarrier": "FlightNum"}.items():
        text = text.replace(new, old)
    assert load({"on_time.csv": text}).times("departed")["WN335-IAD-20080103"] == "2008-01-04T01:03:00Z"


def test_a_code_that_had_an_earlier_user_loses_its_number(load: Load) -> None:
    text = PREZIP.replace('"WN","WN"', '"PA (1)","PA (1)"').replace("2008-01-03", "1990-01-03")
    assert "PA335-IAD-19900103" in load({"on_time.csv": text}).flights()


def test_an_export_of_chosen_columns(load: Load) -> None:
    found = load({"T_ONTIME.csv": T_ONTIME})
    assert found.layouts == ["bts-t-ontime"]
    assert found.times("departed") == {
        "YX3501-GUM-20210701": "2021-07-01T01:55:00Z",
        "NK77-HNL-20210701": "2021-07-02T08:10:00Z",
    }
    assert found.times("arrived") == {"YX3501-GUM-20210701": "2021-07-01T02:48:00Z"}
    assert found.survey.unknown_airlines == set()


def test_an_export_without_a_needed_column_is_refused_with_its_name(load: Load) -> None:
    with pytest.raises(FlightsError, match="lacks a column that every flight needs: .*OP_CARRIER_FL_NUM"):
        load({"T_ONTIME.csv": T_ONTIME.replace("OP_CARRIER_FL_NUM", "SOMETHING")})


@pytest.mark.parametrize("header", [f"{DATA_EXPO_HEADER}\n", ""], ids=["with header", "without"])
def test_data_expo(load: Load, header: str) -> None:
    found = load(
        {"2008.csv": f"{header}{DATA_EXPO_ROW}\n{DATA_EXPO_ROW.replace('2355,2355,505', 'NA,10,505')}\n"}
    )
    assert found.layouts == ["data-expo"]
    assert found.survey.flights == 2
    assert found.times("arrived")["F9240-DEN-20080113T2355"] == "2008-01-14T10:05:00Z"


def test_kaggle_and_the_airport_ids_of_its_october(load: Load) -> None:
    found = load({"flights.csv": KAGGLE})
    assert found.layouts == ["kaggle-2015"]
    assert found.times("departed") == {"AA2336-ATL-20151001": "2015-10-01T04:02:00Z"}
    assert found.reasons == [(3, "no_origin")]


def test_nycflights_by_the_clock_and_not_by_its_time_hour(load: Load) -> None:
    found = load({"flights.csv": NYC})
    assert found.layouts == ["nycflights"]
    assert found.times("departed") == {"B6839-JFK-20230701": "2023-07-02T04:02:00Z"}
    assert found.times("arrived") == {"B6839-JFK-20230701": "2023-07-02T07:30:00Z"}
    assert found.times("cancelled") == {"UA1-EWR-20230701": "2023-07-01T10:00:00Z"}


def test_anac_is_in_the_time_of_brasilia_wherever_the_airport_is(load: Load) -> None:
    found = load({"vra.csv": ANAC_OLD.encode("latin1")})
    assert found.layouts == ["anac-vra"]
    # Summer time in Brasília until February 2019: two hours behind UTC. Maceió had none.
    assert found.times("departed") == {"G31234-GRU-20190115": "2019-01-15T12:20:00Z"}
    assert found.flights()["G31234-GRU-20190115"]["arrival_delay_minutes"] == 10.0
    assert list(found.times("cancelled")) == ["G31236-GRU-20190115"]
    assert found.flights()["G31238-GRU-20190115"]["event_type"] == "scheduled"
    assert 900 < found.flights()["G31234-GRU-20190115"]["distance_miles"] < 1_300


def test_anac_with_its_newer_headings_a_title_and_iso_times(load: Load) -> None:
    newer = "\n".join(
        [
            "Atualizado em: 2023-03-01",
            (
                "Sigla ICAO Empresa Aérea;Empresa Aérea;Número Voo;Sigla ICAO Aeroporto Origem;Partida"
                " Prevista;Partida Real;Sigla ICAO Aeroporto Destino;Chegada Prevista;Chegada"
                " Real;Situação Voo"
            ),
            (
                "AZU;AZUL;4001;SBKP;2023-01-31 23:50:00;2023-02-01 00:10:00;SBEG;2023-02-01"
                " 03:40:00;2023-02-01 03:35:00;REALIZADO"
            ),
        ]
    )
    found = load({"vra.csv": "\ufeff" + newer})
    assert found.times("departed") == {"AD4001-VCP-20230131": "2023-02-01T03:10:00Z"}
    assert found.times("arrived") == {"AD4001-VCP-20230131": "2023-02-01T06:35:00Z"}


def test_aeroapi_compares_gate_with_gate_and_seconds_with_minutes(load: Load) -> None:
    found = load({"flights.json": json.dumps(AEROAPI, indent=1)})
    assert found.layouts == ["aeroapi"]
    flight = found.flights()["UA1545-EWR-20240612"]
    assert flight["departure_delay_minutes"] == 20.0
    # It has no time at the gate yet but has landed: FlightAware's own delay counts, in seconds.
    assert flight["arrival_delay_minutes"] == -5.0
    assert flight["scheduled_departure"] == "2024-06-12T14:00:00Z"


def test_a_diversion_is_an_event_whether_its_airport_is_known_or_not(load: Load) -> None:
    found = load({"on_time.csv": PREZIP})
    [diverted] = [event for event in found.events() if event["event_type"] == "diverted"]
    assert (diverted["flight_id"], diverted["diverted_to"], diverted["destination"]) == (
        "UA12-SFO-20080103",
        "ABE",
        "EWR",
    )
    # Planned to arrive at 8:15 in Newark, five minutes late; it took off for Newark again and came at 11:15.
    assert diverted["timestamp"] == "2008-01-04T13:20:00Z"
    assert diverted["arrival_delay_minutes"] is None
    row = DATA_EXPO_ROW.replace("170,0,0,DEN", "170,NA,0,DEN").replace("15,0,,0", "15,0,,1")
    expo = load({"2008.csv": f"{DATA_EXPO_HEADER}\n{row}\n"})
    assert [(event["event_type"], event.get("diverted_to")) for event in expo.events()][2:] == [
        ("diverted", None)
    ]
    assert (expo.survey.diverted, expo.survey.diverted_flights) == (1, 1)


def test_loaded_messages_are_what_the_platform_takes(load: Load) -> None:
    found = load({"a.csv": PREZIP, "b.csv": T_ONTIME, "c.json": json.dumps(AEROAPI), "d.jsonl": FIREHOSE})
    checks = Checks(found.reference)
    values = [(number, b"", json.dumps(event).encode()) for number, event in enumerate(found.events())]
    outcome = verdicts(values, lambda raw: check(raw, checks))
    assert outcome.examples == []
    assert (outcome.staged, outcome.unknown_codes, outcome.cleaned) == (len(values), {}, {})


def test_aeroapi_diversions_keep_one_flight(load: Load) -> None:
    found = load({"flights.json": json.dumps(AEROAPI)})
    assert found.survey.unusable == {"continuation": 1}
    spooled = found.spool.read(found.spool.days()[0]).set_index("flight_number").loc[9]
    assert (spooled["airline"], spooled["flight_suffix"], spooled["diverted"], spooled["diverted_to"]) == (
        "DL",
        "A",
        True,
        "SNN",
    )


def test_firehose_gathers_a_flight_from_its_messages_and_undoes_a_cancellation(load: Load) -> None:
    found = load({"firehose.jsonl": FIREHOSE})
    assert found.layouts == ["firehose"]
    assert found.survey.rows == 8
    assert found.times("departed") == {"UA7-EWR-20240612": "2024-06-12T14:05:00Z"}
    assert found.times("arrived") == {"UA7-EWR-20240612": "2024-06-12T18:20:00Z"}
    assert found.times("cancelled") == {"AA8-JFK-20240612": "2024-06-12T14:00:00Z"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("icao24,firstSeen,estDepartureAirport,lastSeen\nabc,1,KJFK,2\n", "OpenSky.*no schedules"),
        (
            "ECTRL ID,ADEP,ADES,FILED OFF BLOCK TIME\n1,EDDF,EGLL,01-03-2019 10:00:00\n",
            "EUROCONTROL.*not the timetable",
        ),
        ("one,two\n1,2\n", "none of the layouts.*--mapping"),
    ],
)
def test_files_that_cannot_be_loaded_say_why(load: Load, text: str, reason: str) -> None:
    with pytest.raises(FlightsError, match=reason):
        load({"some.csv": text})


def packed(name: str) -> bytes:
    data = PREZIP.encode()
    if name.endswith(".zip"):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("readme.html", "<html>")
            archive.writestr("On_Time_2008_1.csv", data)
        return buffer.getvalue()
    return gzip.compress(data) if name.endswith(".gz") else zstandard.compress(data)


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv.zst", "a.zip"])
def test_packed_files_hold_the_same_flights(load: Load, name: str) -> None:
    assert load({name: packed(name)}).survey.flights == 3


def test_parquet_with_numbers_as_numbers(load: Load) -> None:
    row = dict(zip(DATA_EXPO_HEADER.split(","), DATA_EXPO_ROW.split(","), strict=True))
    columns = {
        name: [int(value) if value.lstrip("-").isdigit() else value or None] for name, value in row.items()
    }
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    assert load({"a.parquet": sink.getvalue()}).times("arrived") == {
        "F9240-DEN-20080113": "2008-01-14T10:05:00Z"
    }


def test_several_files_are_one_load(load: Load) -> None:
    found = load({"a.csv": PREZIP, "b.csv": T_ONTIME})
    assert found.survey.layouts == {"a.csv": "bts-prezip", "b.csv": "bts-t-ontime"}
    assert found.survey.flights == 5
    times = [event["timestamp"] for event in found.events()]
    assert times == sorted(times)


def test_firehose_compares_the_runway_with_the_runway_where_the_gate_is_not_known(load: Load) -> None:
    messages = [
        {"type": "flifo", "id": "UAL7-1", "ident": "UAL7", "orig": "KEWR", "dest": "KIAH",
         "scheduled_out": "1718200800"},
        {"type": "flightplan", "id": "UAL7-1", "ident": "UAL7", "fdt": "1718201400"},
        {"type": "departure", "id": "UAL7-1", "ident": "UAL7", "adt": "1718202000"},
    ]  # fmt: skip
    found = load({"firehose.jsonl": "\n".join(map(json.dumps, messages))})
    (flight,) = found.flights().values()
    assert flight["scheduled_departure"] == "2024-06-12T14:00:00Z"
    assert flight["departure_delay_minutes"] == 10.0, "off against off, and not against out"
