"""Cache of rendered results in this process: figures, tables and files are made once for all viewers."""

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
VALUES = 400
FILES = 6


class RenderCache(Generic[T]):
    """Last ``size`` results, by function and parts. A second caller waits while the first one computes."""

    def __init__(self, size: int, finish: Callable[[Any], T]) -> None:
        """``finish`` turns a new result into the one that is kept."""
        self._size = size
        self._finish = finish
        self._lock = threading.Lock()
        self._kept: OrderedDict[object, Future[T]] = OrderedDict()

    def of(self, make: Callable[..., Any], *parts: object) -> T:
        """Return ``make(*parts)``, with frames in the place of answers.

        ``make`` must follow from its arguments alone, which are answers and plain values.

        Raises:
            TypeError: a part without an identity, such as a frame, or a ``make`` that is a closure.
            BaseException: the error of ``make``, which is not kept.
        """
        if getattr(make, "__closure__", ()) is not None:
            raise TypeError(f"{make!r} is not a plain function: pass its values as parts")
        key = (make.__code__.co_filename, make.__qualname__, _identity(parts))
        mine: Future[T] = Future()
        with self._lock:
            kept = self._kept.setdefault(key, mine)
            self._kept.move_to_end(key)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
        if kept is mine:
            try:
                mine.set_result(
                    self._finish(make(*(part.frame if isinstance(part, Answer) else part for part in parts)))
                )
            except BaseException as error:
                mine.set_exception(error)
                with self._lock:
                    self._kept.pop(key, None)
        return kept.result()


class RenderedFigure(go.Figure):  # type: ignore[misc]  # plotly has no types
    """Finished figure, whose JSON for the browser is built once. Do not change it."""

    def to_dict(self) -> dict[str, Any]:
        """Return the figure as plain values, the same object each time."""
        found: dict[str, Any] | None = self.__dict__.get("_rendered")
        if found is None:
            found = self.__dict__["_rendered"] = super().to_dict()
        return found


_figures = RenderCache(VALUES, RenderedFigure)
_values: RenderCache[Any] = RenderCache(VALUES, lambda value: value)
_files: RenderCache[bytes] = RenderCache(FILES, bytes)


def figure(build: Callable[..., go.Figure], *parts: object) -> RenderedFigure:
    """Return the figure that ``build`` gives for its parts, as ``RenderCache.of`` takes them."""
    return _figures.of(build, *parts)


def value(make: Callable[..., T], *parts: object) -> T:
    """Return any small value of its parts. Do not change it."""
    found: T = _values.of(make, *parts)
    return found


def file(make: Callable[..., bytes], *parts: object) -> bytes:
    """Return the content of a file. Only a few are kept, since they may be large."""
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
    raise TypeError(f"{type(part).__name__} has no identity: pass an answer or a plain value")
