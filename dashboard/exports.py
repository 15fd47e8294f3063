"""Tables as files, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
from typing import Any

import pandas as pd

# A spreadsheet may run a cell that begins with one of these
# (https://owasp.org/www-community/attacks/CSV_Injection).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def without_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with an apostrophe before each text that a spreadsheet could run.

    Numbers stay numbers.
    """
    texts = [name for name in frame.columns if frame[name].dtype.kind not in "biufcmM"]
    return frame.assign(**{name: frame[name].map(_inert) for name in texts}) if texts else frame


def _inert(value: Any) -> Any:  # noqa: ANN401 - any cell
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def as_csv(frame: pd.DataFrame) -> bytes:
    """Return the frame as a CSV file in UTF-8 that cannot run formulas.

    Texts are quoted: pandas leaves a carriage return bare otherwise, and what follows it would begin a row.
    """
    text: str = without_formulas(frame).to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC)
    return text.encode()
