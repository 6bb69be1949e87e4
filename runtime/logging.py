"""Logs: one JSON object per line on standard error, Hangul unescaped, ids but no payloads."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import orjson
import structlog

#: Libraries that log whole requests, or every retry, below this level.
QUIET = {
    "slack_bolt": logging.ERROR,
    "slack_sdk": logging.WARNING,
    "httpx2": logging.WARNING,
    "aiohttp.access": logging.WARNING,
    "sqlalchemy.pool": logging.CRITICAL,
    "alembic": logging.WARNING,
}


def configure_logs(level: str) -> None:
    """Render the lines of structlog and of the standard library's loggers in the same way.

    Our own lines go straight to the stream: the library's handlers take three times as long, and
    every webhook writes two lines.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            *shared,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_json),
        ],
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
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(serializer=_text),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [output]
    root.setLevel(level)
    for name, quiet in QUIET.items():
        logging.getLogger(name).setLevel(quiet)


def _json(event: Any, **_: Any) -> bytes:
    try:
        return orjson.dumps(event, default=str)
    except TypeError:  # a lone surrogate or a huge integer: the line is written anyway
        line = json.dumps(event, ensure_ascii=False, default=str)
        return line.encode("utf-8", "backslashreplace")


def _text(event: Any, **_: Any) -> str:
    return _json(event).decode()
