"""Small files in each layout."""

from __future__ import annotations

import json

PREZIP_HEADER = (
    '"Year","FlightDate","Reporting_Airline","IATA_CODE_Reporting_Airline","Tail_Number","Flight_Number_Reporting_Airline","Origin",'
    '"Dest","CRSDepTime","DepTime","DepDelay","DepDelayMinutes","CRSArrTime","ArrDelay","ArrDelayMinutes","Cancelled","Diverted",'
    '"CRSElapsedTime","Distance","DivReachedDest","DivArrDelay","Div1Airport",'
)

PREZIP = "\n".join(
    [
        PREZIP_HEADER,
        '2008,2008-01-03,"WN","WN","N712SW","335","IAD","TPA","1955","2003",8.00,8.00,"2225",-14.00,0.00,0.00,0.00,150.00,810.00,,,"",',
        '2008,2008-01-03,"WN","WN","N428WN","448","IAD","BNA","0620","",,,"0730",,,1.00,0.00,130.00,562.00,,,"",',
        '2008,2008-01-03,"UA","UA","N14228","12","SFO","EWR","2345","2350",5.00,5.00,"0815",,,0.00,1.00,330.00,2565.00,1.00,180.00,"ABE",',
    ]
)

T_ONTIME = "\n".join(
    [
        (
            "FL_DATE,OP_UNIQUE_CARRIER,TAIL_NUM,OP_CARRIER_FL_NUM,ORIGIN,DEST,CRS_DEP_TIME,DEP_DELAY,CRS_ARR_TIME,ARR_DELAY,CRS_ELAPSED_TIME,"
            "CANCELLED,DIVERTED,DISTANCE"
        ),
        "7/1/2021 12:00:00 AM,YX,N101YX,3501,GUM,SPN,1200,-5.00,1245,3.00,45.00,0.00,0.00,129.00",
        "7/1/2021 12:00:00 AM,NK,N601NK,77,HNL,LAX,2200,10.00,0630,,330.00,0.00,1.00,2556.00",
    ]
)

DATA_EXPO_ROW = (
    "2008,1,13,7,2355,2355,505,505,F9,240,N918FR,190,190,170,0,0,DEN,JAX,1448,5,15,0,,0,NA,NA,NA,NA,NA"
)

DATA_EXPO_HEADER = (
    "Year,Month,DayofMonth,DayOfWeek,DepTime,CRSDepTime,ArrTime,CRSArrTime,UniqueCarrier,FlightNum,TailNum,ActualElapsedTime,"
    "CRSElapsedTime,AirTime,ArrDelay,DepDelay,Origin,Dest,Distance,TaxiIn,TaxiOut,Cancelled,CancellationCode,Diverted,CarrierDelay,"
    "WeatherDelay,NASDelay,SecurityDelay,LateAircraftDelay"
)

KAGGLE = "\n".join(
    [
        (
            "YEAR,MONTH,DAY,DAY_OF_WEEK,AIRLINE,FLIGHT_NUMBER,TAIL_NUMBER,ORIGIN_AIRPORT,DESTINATION_AIRPORT,SCHEDULED_DEPARTURE,"
            "DEPARTURE_TIME,DEPARTURE_DELAY,SCHEDULED_TIME,DISTANCE,SCHEDULED_ARRIVAL,ARRIVAL_DELAY,DIVERTED,CANCELLED,CANCELLATION_REASON"
        ),
        "2015,10,1,4,AA,2336,N3KUAA,10397,12892,0010,0002,-8,280,1947,0150,-22,0,0,",
        "2015,10,1,4,AA,2337,N3KUAB,99999,12892,0010,0002,-8,280,1947,0150,-22,0,0,",
    ]
)

NYC = "\n".join(
    [
        (
            "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,origin,dest,air_time,"
            "distance,hour,minute,time_hour"
        ),
        "2023,7,1,2,2359,3,330,340,-10,B6,839,N621JB,JFK,BQN,190,1576,23,59,2023-07-01T23:00:00Z",
        "2023,7,1,NA,600,NA,NA,730,NA,UA,1,NA,EWR,BOS,NA,200,6,0,2023-07-01T06:00:00Z",
    ]
)

ANAC_OLD = "\n".join(
    [
        (
            "ICAO Empresa Aérea;Número Voo;Código DI;Código Tipo Linha;ICAO Aeródromo Origem;ICAO Aeródromo"
            " Destino;Partida Prevista;Partida Real;Chegada Prevista;Chegada Real;Situação Voo;Código"
            " Justificativa"
        ),
        (
            "GLO;1234;0;N;SBGR;SBMO;15/01/2019 10:00;15/01/2019 10:20;15/01/2019 12:30;15/01/2019"
            " 12:40;REALIZADO;"
        ),
        "GLO;1236;0;N;SBGR;SBMO;15/01/2019 11:00;;15/01/2019 13:30;;CANCELADO;",
        "GLO;1238;0;N;SBGR;SBMO;15/01/2019 12:00;;15/01/2019 14:30;;NÃO INFORMADO;",
    ]
)

AEROAPI = {
    "flights": [
        {
            "ident": "UAL1545", "ident_iata": "UA1545", "fa_flight_id": "UAL1545-1-schedule-1",
            "operator": "UAL", "operator_iata": "UA",
            "flight_number": "1545", "registration": "N14228", "cancelled": False, "diverted": False,
            "origin": {"code": "KEWR", "code_icao": "KEWR", "code_iata": "EWR"},
            "destination": {"code": "KIAH", "code_icao": "KIAH", "code_iata": "IAH"},
            "departure_delay": 1200, "arrival_delay": -300,
            "scheduled_out": "2024-06-12T14:00:00Z", "actual_out": "2024-06-12T14:20:00Z",
            "scheduled_off": "2024-06-12T14:10:00Z", "actual_off": "2024-06-12T14:35:00Z",
            "scheduled_on": "2024-06-12T18:20:00Z", "actual_on": "2024-06-12T18:17:00Z",
            "scheduled_in": "2024-06-12T18:30:00Z", "actual_in": None,
        },
        {
            "ident": "DAL9A", "fa_flight_id": "DAL9-2", "operator": "DAL", "operator_iata": None,
            "flight_number": "9A",
            "cancelled": False, "diverted": True,
            "origin": {"code_icao": "KJFK", "code_iata": "JFK"},
            "destination": {"code_icao": "EGLL", "code_iata": "LHR"},
            "scheduled_off": "2024-06-12T22:00:00Z", "actual_off": "2024-06-12T22:05:00Z",
            "scheduled_on": "2024-06-13T05:00:00Z", "actual_on": None,
        },
        {
            "ident": "DAL9A", "fa_flight_id": "DAL9-2", "operator": "DAL", "flight_number": "9A",
            "cancelled": False, "diverted": False,
            "origin": {"code_icao": "EINN", "code_iata": "SNN"},
            "destination": {"code_icao": "EGLL", "code_iata": "LHR"},
            "scheduled_off": "2024-06-13T07:00:00Z", "actual_off": "2024-06-13T07:05:00Z",
            "scheduled_on": "2024-06-13T08:00:00Z",
        },
    ]
}  # fmt: skip

FIREHOSE = "\n".join(
    json.dumps(message)
    for message in [
        {"type": "flifo", "id": "UAL7-1", "ident": "UAL7", "orig": "KEWR", "dest": "KIAH", "reg": "N1",
            "pitr": "1718190000",
         "scheduled_out": "1718200800", "scheduled_in": "1718217000", "status": "S"},
        {"type": "cancellation", "id": "UAL7-1", "ident": "UAL7", "trueCancel": "1", "pitr": "1718190100"},
        {"type": "flifo", "id": "UAL7-1", "ident": "UAL7", "status": "S", "pitr": "1718190200"},
        {"type": "offblock", "id": "UAL7-1", "ident": "UAL7", "clock": "1718201100", "pitr": "1718201101"},
        {"type": "departure", "id": "UAL7-1", "ident": "UAL7", "adt": "1718202000", "pitr": "1718202001"},
        {"type": "onblock", "id": "UAL7-1", "ident": "UAL7", "clock": "1718216400", "pitr": "1718216401"},
        {"type": "flifo", "id": "AAL8-1", "ident": "AAL8", "orig": "KJFK", "dest": "KLAX",
            "scheduled_off": "1718200800",
         "scheduled_on": "1718221000"},
        {"type": "cancellation", "id": "AAL8-1", "ident": "AAL8", "trueCancel": "1"},
    ]
)  # fmt: skip
