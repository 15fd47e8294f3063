"""Files for spreadsheets: no cell that came from a sender can run as a formula."""

from __future__ import annotations

import csv
import io

import pandas as pd
import pytest
import streamlit as st

from dashboard.exports import as_csv, without_formulas

HOSTILE = ['=HYPERLINK("http://example.org")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1"]


def cells(frame: pd.DataFrame) -> list[list[str]]:
    return list(csv.reader(io.StringIO(as_csv(frame).decode(), newline="")))[1:]


@pytest.mark.parametrize("dtype", ["object", "string", "category"])
def test_a_text_that_a_spreadsheet_could_run_begins_with_an_apostrophe(dtype: str) -> None:
    found = cells(pd.DataFrame({"tail": pd.Series(HOSTILE, dtype=dtype)}))
    assert [row[0] for row in found] == [f"'{text}" for text in HOSTILE]


def test_a_line_break_inside_a_text_begins_no_row() -> None:
    assert cells(pd.DataFrame({"tail": ["N1\r=1", "N1\n=1", 'N1",=1']})) == [
        ["N1\r=1"],
        ["N1\n=1"],
        ['N1",=1'],
    ]


def test_other_texts_numbers_and_missing_values_stay_as_they_are() -> None:
    frame = pd.DataFrame({"tail": ["N14228", None, "a=b"], "delay": [-7.0, 3.5, None], "flights": [-1, 0, 1]})
    assert cells(frame) == [["N14228", "-7.0", "-1"], ["", "3.5", "0"], ["a=b", "", "1"]]


def test_tables_of_the_pages_are_safe_since_viewers_download_them_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from dashboard import data_tables

    shown = []
    monkeypatch.setattr(st, "dataframe", lambda frame, **_: shown.append(frame))
    data_tables.table(pd.DataFrame({"detail": ["=1+1"], "messages": [-1]}), key="any")
    assert shown[0].to_dict("list") == {"detail": ["'=1+1"], "messages": [-1]}


def test_a_frame_without_text_is_not_copied() -> None:
    frame = pd.DataFrame({"delay": [-7.0]})
    assert without_formulas(frame) is frame
