"""Queries to a store, and their answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal, NamedTuple
from uuid import uuid4

import pandas as pd

PREFIX = "flights:result:"


class Life(NamedTuple):
    """Seconds that an answer lives.

    With less than ``refresh_below_s`` left, a wanted answer is computed again.
    """

    ttl_s: int
    refresh_below_s: int


OF_A_BATCH = Life(300, 60)
OF_NOW = Life(60, 20)  # windows that end now, states of services


@dataclass(frozen=True)
class Query:
    """Query to a store: ``name``, ``parameters``, the ``version`` of the data, and ``compute`` to read it."""

    name: str
    parameters: Mapping[str, Any]
    version: Callable[[], str] = field(compare=False)
    compute: Callable[[], pd.DataFrame] = field(compare=False)
    life: Life = OF_A_BATCH

    def key(self) -> str:
        """Return the Redis key: equal for equal questions about equal data, in every process."""
        text = json.dumps([self.parameters, self.version()], sort_keys=True, default=str)
        return f"{PREFIX}{self.name}:{sha256(text.encode()).hexdigest()[:32]}"

    def identity(self) -> str:
        """Return the question without the data's version."""
        return json.dumps([self.name, self.parameters], sort_keys=True, default=str)


@dataclass(frozen=True)
class Answer:
    """Frame, the moment its store was read (UTC), and its source. Callers share the frame: do not change it.

    ``token`` identifies that reading of the store: answers with the same token have the same frame.
    """

    frame: pd.DataFrame
    as_of: datetime
    source: Literal["redis", "store"]
    token: str = field(default_factory=lambda: uuid4().hex)
