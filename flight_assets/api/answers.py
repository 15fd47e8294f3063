"""Answers of the API.

They are rows as JSON, CSV or Arrow by ``Accept``, with ETag, and 304 for what the caller has.
"""

from __future__ import annotations

import io
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.csv as csv
from fastapi import Request, Response

from flight_assets.api.models import flight_row, flight_table, risk_row, risk_table
from flight_assets.api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flight_assets.queries.cache import Answer

JSON, CSV, ARROW = "application/json", "text/csv", "application/vnd.apache.arrow.stream"
_FORMATS = {
    "*/*": JSON, "application/*": JSON, JSON: JSON, CSV: CSV, "text/*": CSV, ARROW: ARROW,
}  # fmt: skip


def wanted_format(request: Request) -> str:
    """Return the best format that the request accepts; JSON without a preference. Raises Problem 406."""
    offers = []
    for number, part in enumerate(request.headers.get("accept", "*/*").split(",")):
        name, *options = (word.strip().lower() for word in part.split(";"))
        quality = next((option[2:] for option in options if option.startswith("q=")), "1")
        try:
            offers.append((-float(quality), number, name))
        except ValueError:
            continue
    for negative_quality, _, name in sorted(offers):
        if name in _FORMATS and negative_quality < 0:
            return _FORMATS[name]
    raise Problem(
        406,
        "no format of the Accept header can be given",
        f"accept {JSON}, {CSV} or {ARROW}",
        "not-acceptable",
    )


def document(request: Request, value: object, headers: Mapping[str, str] | None = None) -> Response:
    """Return one object as JSON."""
    if wanted_format(request) != JSON:
        raise Problem(406, "this answer is one object, which is given as JSON only", f"accept {JSON}")
    return _tagged(request, msgspec.json.encode(value, enc_hook=_plain), JSON, headers)


def of_answer(request: Request, answer: Answer) -> Response:
    """Return a cached answer as rows; ``X-Data-As-Of`` says when its store was read."""
    as_of = {"X-Data-As-Of": answer.as_of.isoformat(timespec="milliseconds")}
    return rows(request, table_of(answer.frame), headers=as_of)


def rows(
    request: Request, table: pa.Table, next_url: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """Return rows in the wanted format.

    The next page is in the JSON's ``next`` and in the ``Link`` header.
    """
    return _page(request, table.to_pylist, lambda: table, next_url, headers)


def of_rows(
    request: Request, found: list[dict[str, Any]], schema: pa.Schema, next_url: str | None = None
) -> Response:
    """Return rows as they are; as a table, objects within a row are JSON texts."""

    def table() -> pa.Table:
        flat = [
            {
                name: msgspec.json.encode(value).decode() if isinstance(value, dict) else value
                for name, value in row.items()
            }
            for row in found
        ]
        return pa.Table.from_pylist(flat, schema)

    return _page(request, lambda: found, table, next_url)


def of_flights(request: Request, found: list[dict[str, Any]], next_url: str | None = None) -> Response:
    """Return rows of the fact table as flights. JSON needs no table, whose making takes most of the time."""
    return _page(request, lambda: [flight_row(row) for row in found], lambda: flight_table(found), next_url)


def of_risk(request: Request, found: list[dict[str, Any]]) -> Response:
    """Return rows of the risk board."""
    return _page(request, lambda: [risk_row(row) for row in found], lambda: risk_table(found), None)


def _page(
    request: Request,
    plain: Callable[[], list[dict[str, Any]]],
    table: Callable[[], pa.Table],
    next_url: str | None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    more = dict(headers or {})
    if next_url:
        more["Link"] = f'<{next_url}>; rel="next"'
    kind = wanted_format(request)
    if kind == JSON:
        body = msgspec.json.encode({"data": plain(), "next": next_url}, enc_hook=_plain)
    else:
        body = _csv(table()) if kind == CSV else _arrow(table())
    return _tagged(request, body, kind, more)


def table_of(frame: Any) -> pa.Table:  # noqa: ANN401 - a pandas frame
    """Return a frame as a table: times in microseconds, missing numbers as null."""
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata()
    fields = [
        field.with_type(pa.timestamp("us", field.type.tz)) if pa.types.is_timestamp(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields), safe=False)


def _tagged(request: Request, body: bytes, kind: str, headers: Mapping[str, str] | None) -> Response:
    """Return the response with its weak ETag, or 304 if the caller has the same answer."""
    tag = f'W/"{sha256(kind.encode() + body).hexdigest()[:32]}"'
    always = {"ETag": tag, "Vary": "Accept, Accept-Encoding, Authorization", **(headers or {})}
    known = {each.strip() for each in request.headers.get("if-none-match", "").split(",")}
    if tag in known or "*" in known:
        return Response(status_code=304, headers=always)
    return Response(body, headers=always, media_type=kind)


def _csv(table: pa.Table) -> bytes:
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    columns = [
        pa.array([None if value is None else " ".join(map(str, value)) for value in table[name].to_pylist()])
        if pa.types.is_list(table.schema.field(name).type)
        else table[name]
        for name in table.column_names
    ]
    out = io.BytesIO()
    csv.write_csv(pa.table(dict(zip(table.column_names, columns, strict=True))), out)
    return out.getvalue()


def _arrow(table: pa.Table) -> bytes:
    out = pa.BufferOutputStream()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    return bytes(out.getvalue())


def _plain(value: object) -> object:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} has no JSON form")
