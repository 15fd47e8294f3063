"""Rendered results of answers: figures, tables and files are made once for all viewers."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import date
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

import plotly.graph_objects as go

from flight_assets.queries.cache import Answer

T = TypeVar("T")
SHOWN = 400
FILES = 6


class Made(Generic[T]):
    """The ``size`` things asked for last, by what they are made from; who asks while one is being made waits for it."""

    def __init__(self, size: int, finish: Callable[[Any], T]) -> None:
        """``finish`` gets what was made and gives what is kept."""
        self._size = size
        self._finish = finish
        self._lock = threading.Lock()
        self._kept: OrderedDict[object, Future[T]] = OrderedDict()

    def of(self, make: Callable[..., Any], *parts: object) -> T:
        """``make(*parts)``, with frames in the place of answers.

        ``make`` must follow from its arguments alone, which are answers and plain values.

        Raises:
            TypeError: a part that cannot tell whether it is the same as another, such as a frame, or a ``make`` that knows more.
            BaseException: what ``make`` raises, which is not kept.
        """
        if getattr(make, "__closure__", ()) is not None:
            raise TypeError(f"{make!r} is no plain function")
        key = (make.__code__.co_filename, make.__qualname__, _identity(parts))
        mine: Future[T] = Future()
        with self._lock:
            kept = self._kept.setdefault(key, mine)
            self._kept.move_to_end(key)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
        if kept is mine:
            try:
                mine.set_result(self._finish(make(*(part.frame if isinstance(part, Answer) else part for part in parts))))
            except BaseException as error:
                mine.set_exception(error)
                with self._lock:
                    self._kept.pop(key, None)
        return kept.result()


class Drawn(go.Figure):  # type: ignore[misc]  # plotly has no types
    """A finished figure: what the browser gets of it is made once. Leave it as it is."""

    def to_dict(self) -> dict[str, Any]:
        """The figure as plain values, the same object each time."""
        found: dict[str, Any] | None = self.__dict__.get("_drawn")
        if found is None:
            found = self.__dict__["_drawn"] = super().to_dict()
        return found


_figures = Made(SHOWN, Drawn)
_values: Made[Any] = Made(SHOWN, lambda value: value)
_files: Made[bytes] = Made(FILES, bytes)


def figure(build: Callable[..., go.Figure], *parts: object) -> Drawn:
    """A figure of its parts, as ``Made.of`` takes them."""
    return _figures.of(build, *parts)


def value(make: Callable[..., T], *parts: object) -> T:
    """Anything small that is made of its parts, as ``Made.of`` takes them. Leave it as it is."""
    found: T = _values.of(make, *parts)
    return found


def file(make: Callable[..., bytes], *parts: object) -> bytes:
    """A file's content, as ``Made.of`` takes its parts; only a few are kept, since they may be large."""
    return _files.of(make, *parts)


def _identity(part: object) -> object:
    if isinstance(part, Answer):
        return part.token
    if isinstance(part, (tuple, list)):
        return tuple(_identity(one) for one in part)
    if isinstance(part, Mapping):
        return tuple((name, _identity(value)) for name, value in part.items())
    if part is None or isinstance(part, (str, int, float, date)):
        return type(part), part
    if isinstance(part, ZoneInfo):
        return part.key
    raise TypeError(f"{type(part).__name__} does not say what it is made from")
