"""Units, thresholds and patterns that more than one part of the platform uses, each defined once."""

from __future__ import annotations

from datetime import timedelta

BYTES_PER_MB = 1_000_000
# A flight is late from this many minutes on: the measure of the US Department of Transportation (14 CFR
# 234.2).
LATE_MINUTES = 15

# A typical schedule: so fast in miles an hour, and so long on the ground and in climb.
CRUISE_MPH, OVERHEAD_MINUTES = 480, 45

# The planned local time that a flight_id may end in, in Python's notation.
TIME_IN_FLIGHT_ID = "%H%M"

IATA_AIRLINE = "[A-Z0-9]{2}"
IATA_AIRPORT = "[A-Z]{3}"
ICAO_AIRLINE = "[A-Z]{3}"
ICAO_AIRPORT = "[A-Z][A-Z0-9]{3}"
AIRLINE = f"(?:{IATA_AIRLINE}|{ICAO_AIRLINE})"
AIRPORT = f"(?:{IATA_AIRPORT}|{ICAO_AIRPORT})"
FLIGHT_SUFFIX = "[A-Z]"
# Versions 1 and 2 of the contract know IATA codes and one flight per number, origin and local date.
FLIGHT_ID_V1 = rf"{IATA_AIRLINE}\d{{1,4}}-{IATA_AIRPORT}-\d{{8}}"
FLIGHT_ID = rf"{AIRLINE}\d{{1,4}}{FLIGHT_SUFFIX}?-{AIRPORT}-\d{{8}}(?:T\d{{4}})?"
# A registration has letters, digits and hyphens (ICAO Annex 7); gates have a blank, a dot or a slash as well.
REGISTRATION = r"[A-Z0-9][A-Z0-9-]{1,9}"
GATE = r"[A-Z0-9][A-Z0-9 ./-]{0,9}"
SOURCE = r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}"

# An event may be stamped this much later than the broker took it: clocks differ.
CLOCK_TOLERANCE = timedelta(minutes=5)
