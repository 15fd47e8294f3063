"""Assembly of the Dagster code location; nothing is decided here."""

from __future__ import annotations

from dagster import Definitions

defs = Definitions()
