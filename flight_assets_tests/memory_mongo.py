"""A MongoDB database in memory, for queries whose logic is tested without services."""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]
_OPERATORS = {
    "$gte": lambda value, bound: value is not None and value >= bound,
    "$lte": lambda value, bound: value is not None and value <= bound,
    "$lt": lambda value, bound: value is not None and value < bound,
    "$in": lambda value, bound: value in bound,
}


class Cursor:
    """Documents found, as pymongo gives them."""

    def __init__(self, found: list[Document]) -> None:
        self._found = found

    def sort(self, name: str, direction: int) -> Cursor:
        return Cursor(sorted(self._found, key=lambda each: each[name], reverse=direction < 0))

    def limit(self, count: int) -> Cursor:
        return Cursor(self._found[:count])

    def __iter__(self):
        return iter(self._found)


class Collection:
    """Documents by their insertion order."""

    def __init__(self, documents: list[Document]) -> None:
        self.documents = documents

    def find(self, match: Document, shown: Document | None = None, max_time_ms: int = 0) -> Cursor:
        return Cursor([_shown(each, shown) for each in self.documents if matches(each, match)])

    def find_one(self, match: Document, max_time_ms: int = 0) -> Document | None:
        return next(iter(self.find(match)), None)


class Database:
    """Collections by name; one that was not given is empty."""

    def __init__(self, **collections: list[Document]) -> None:
        self.collections = {name: Collection(documents) for name, documents in collections.items()}

    def __getitem__(self, name: str) -> Collection:
        return self.collections.setdefault(name, Collection([]))


def matches(document: Document, match: Document) -> bool:
    """Return True if a document meets a match; an operator that is not known here is an error."""
    for name, wanted in match.items():
        if name == "$or":
            if not any(matches(document, each) for each in wanted):
                return False
        elif isinstance(wanted, dict):
            if not all(_OPERATORS[operator](document.get(name), bound) for operator, bound in wanted.items()):
                return False
        elif document.get(name) != wanted:
            return False
    return True


def _shown(document: Document, shown: Document | None) -> Document:
    if not shown:
        return dict(document)
    names = [name for name, is_shown in shown.items() if is_shown]
    return {name: document[name] for name in [*names, "_id"] if name in document and shown.get(name, 1)}
