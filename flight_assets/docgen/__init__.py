"""Write the pages of ``docs/reference`` from contracts, settings, metrics, alert rules and the command tree.

``make docs`` writes them. A test fails when a page in the repository differs from what ``pages`` returns.
"""

from __future__ import annotations

import sys
from pathlib import Path

from flight_assets.api.app import schema_text
from flight_assets.contracts.tables import TABLES
from flight_assets.docgen.commands import commands_page
from flight_assets.docgen.contracts import FLIGHT_TABLES, features_page, message_page, tables_page
from flight_assets.docgen.monitoring import alerts_page, metrics_page
from flight_assets.docgen.parts import licences_page, patches_page
from flight_assets.docgen.settings import ports_page, settings_page
from flight_assets.settings import PROJECT_DIR

REFERENCE = PROJECT_DIR / "docs/reference"


def pages() -> dict[str, str]:
    """Return the text of every generated page, by file name."""
    records = [each for each in TABLES if each not in FLIGHT_TABLES]
    return {
        "message.md": message_page(),
        "features.md": features_page(),
        "tables-flights.md": tables_page("Tables of flights and predictions", FLIGHT_TABLES),
        "tables-records.md": tables_page("Tables of batches, checks, archives, sums and codes", records),
        "settings.md": settings_page(),
        "ports.md": ports_page(),
        "metrics.md": metrics_page(),
        "alerts.md": alerts_page(),
        "commands.md": commands_page(),
        "patches.md": patches_page(),
        "openapi.json": schema_text(),
        "licences.md": licences_page(),
    }


def main(folder: Path = REFERENCE) -> None:
    """Write every generated page into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(pages())} pages in {folder}\n")
