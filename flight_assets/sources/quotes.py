"""Lines of a table whose quoted cells hold line ends, or whose quotes are never closed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

QUOTE, LINE_END = b'"', b"\n"


def row_starts(piece: bytes) -> npt.NDArray[np.int64]:
    """Return the places of the lines at which a row begins, if quoted cells may hold line ends."""
    is_odd = np.array([line.count(QUOTE) % 2 for line in piece.removesuffix(LINE_END).split(LINE_END)])
    open_before = np.concatenate([[0], np.cumsum(is_odd)[:-1]]) % 2
    return np.flatnonzero(open_before == 0).astype(np.int64)


def without_open_quotes(piece: bytes) -> tuple[bytes, list[int]]:
    """Return the piece with each line emptied that has an unclosed quote, and the places of these lines."""
    lines = piece.split(LINE_END)
    places = [place for place, line in enumerate(lines) if line.count(QUOTE) % 2]
    for place in places:
        lines[place] = b""
    return LINE_END.join(lines), places
