"""Logs: one JSON object per line on standard error, Hangul unescaped, ids but no payloads."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from structlog.contextvars import merge_contextvars
from structlog.processors import format_exc_info

#: Libraries that log whole requests, or every retry, below this level.
QUIET = {
    "slack_bolt": logging.ERROR,
    "slack_sdk": logging.WARNING,
    "httpx2": logging.WARNING,
    "aiohttp.access": logging.WARNING,
    "sqlalchemy.pool": logging.CRITICAL,
    "alembic": logging.WARNING,
}


#: structlog's names of methods that are no levels.
_LEVELS = {"exception": "error", "warn": "warning"}


def configure_logs(level: str) -> None:
    """Render the lines of structlog and of the standard library's loggers in the same way.

    Our own lines go straight to the stream, by one function instead of five processors: the
    library's handlers take five times as long, and every message writes six lines.
    """
    shared: list[Any] = [
        merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[_line],
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        cache_logger_on_first_use=True,
    )
    output = logging.StreamHandler(sys.stderr)
    output.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                format_exc_info,
                structlog.processors.JSONRenderer(serializer=_text),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [output]
    root.setLevel(level)
    for name, quiet in QUIET.items():
        logging.getLogger(name).setLevel(quiet)


def _line(logger: Any, level: str, event: Any) -> bytes:
    """The line of an event of structlog, as its own processors make it."""
    merge_contextvars(logger, level, event)
    event["level"] = _LEVELS.get(level, level)
    event["timestamp"] = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    if "exc_info" in event:
        event = format_exc_info(logger, level, event)
    return _json(event)


def _json(event: Any, **_: Any) -> bytes:
    try:
        return orjson.dumps(event, default=str)
    except TypeError:  # a lone surrogate or a huge integer: the line is written anyway
        line = json.dumps(event, ensure_ascii=False, default=str)
        return line.encode("utf-8", "backslashreplace")


def _text(event: Any, **_: Any) -> str:
    return _json(event).decode()
