"""What aiohttp's server says of requests that are not HTTP, without what stood in them.

Its own line is an error with a traceback that quotes the line it could not read: a person's words,
or a secret. Anybody can cause it, as often as they like.
"""

from __future__ import annotations

import logging

from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError

#: The sender's faults.
THEIRS = (HttpProcessingError, RequestPayloadError, ConnectionError)


def without_requests(record: logging.LogRecord) -> bool:
    """A filter for the logger "aiohttp.server"; errors of this program stay as they are."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, THEIRS):
        record.levelno, record.levelname = logging.INFO, "INFO"
        record.msg, record.args = f"not HTTP: {type(error).__name__}", ()
        record.exc_info = record.exc_text = None
    return True


def quote_no_requests() -> None:
    """Apply the filter, once."""
    logging.getLogger("aiohttp.server").addFilter(without_requests)
