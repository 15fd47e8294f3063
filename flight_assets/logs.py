"""Structured logs: one JSON object per line in ``logs/flights.jsonl``, with the run and the batch as fields.

Many processes write there, so a lock on the file guards each line and each rotation (concurrent-log-handler).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from flight_assets.settings import Settings

FILE = "flights.jsonl"
KEPT_FILES = 5
BYTES_PER_MB = 1_000_000
ROOT = "flights"

_PROCESSORS: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def path(settings: Settings) -> Path:
    """Return the path of the log file; rotated files are beside it."""
    return settings.home / "logs" / FILE


@cache
def _handler(file: Path, size_bytes: int) -> logging.Handler:
    from concurrent_log_handler import ConcurrentRotatingFileHandler

    file.parent.mkdir(parents=True, exist_ok=True)
    handler = ConcurrentRotatingFileHandler(
        str(file), maxBytes=size_bytes, backupCount=KEPT_FILES, encoding="utf-8"
    )
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_PROCESSORS,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(default=str),
            ],
        )
    )
    return handler


def configure(settings: Settings) -> None:
    """Send the loggers of this process to the file, unless ``log_json`` is off. Safe to call again."""
    structlog.configure(
        processors=[*_PROCESSORS, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    logger = logging.getLogger(ROOT)
    logger.setLevel(logging.INFO)
    if settings.log_json:
        logger.addHandler(_handler(path(settings), settings.log_file_mb * BYTES_PER_MB))


def get_logger(name: str) -> Any:  # noqa: ANN401 - structlog's own type depends on its configuration
    """Return a logger whose keyword arguments become fields."""
    return structlog.stdlib.get_logger(f"{ROOT}.{name}")


@contextmanager
def also_to_file(settings: Settings, logger: logging.Logger, **fields: str) -> Iterator[None]:
    """Copy the lines of a standard logger, such as Dagster's, to the file inside the block, with fields."""
    if not settings.log_json:
        yield
        return
    handler = _handler(path(settings), settings.log_file_mb * BYTES_PER_MB)
    logger.addHandler(handler)
    try:
        with structlog.contextvars.bound_contextvars(**fields):
            yield
    finally:
        logger.removeHandler(handler)


def note(**fields: Any) -> None:  # noqa: ANN401
    """Add fields to every line that this thread logs from now on, e.g. the batch. None removes a field."""
    structlog.contextvars.bind_contextvars(
        **{name: value for name, value in fields.items() if value is not None}
    )
    structlog.contextvars.unbind_contextvars(*(name for name, value in fields.items() if value is None))
