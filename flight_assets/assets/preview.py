"""Rows as a Markdown table for an asset's page. Texts of messages are shown as text, never as markup."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dagster import MarkdownMetadataValue, MetadataValue

from flight_assets.transforms.messages import printable

if TYPE_CHECKING:
    import pandas as pd

# Ids, codes, numbers and times, which mean nothing in Markdown. Anything else becomes code.
_PLAIN = re.compile(r"(?!www\.)[A-Za-z0-9 .:+-]*")
_TICKS = re.compile(r"`+")


def markdown(rows: pd.DataFrame) -> MarkdownMetadataValue:
    """Return rows as a table for the asset's page."""
    return MetadataValue.md(str(rows.map(_cell).to_markdown(index=False, disable_numparse=True)))


def _cell(value: Any) -> Any:  # noqa: ANN401 - any cell
    if value is None or isinstance(value, int | float):
        return value
    text = printable(str(value), len(str(value)))
    if _PLAIN.fullmatch(text):
        return text
    # In a table, a bar ends the cell even within code.
    fence = "`" * (1 + max(map(len, _TICKS.findall(text)), default=0))
    return f"{fence} {text} {fence}".replace("|", "\\|")
