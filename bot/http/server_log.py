"""aiohttp's log lines about malformed requests, without the requests' content.

aiohttp logs an error with a traceback that quotes the unreadable line: personal data, or a secret.
Any client can cause such lines in any number.
"""

from __future__ import annotations

import logging

from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError

#: Errors caused by the client.
CLIENT_ERRORS = (HttpProcessingError, RequestPayloadError, ConnectionError)


def without_requests(record: logging.LogRecord) -> bool:
    """A filter for the logger "aiohttp.server"; errors of this program are unchanged."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, CLIENT_ERRORS):
        record.levelno, record.levelname = logging.INFO, "INFO"
        record.msg, record.args = f"not HTTP: {type(error).__name__}", ()
        record.exc_info = record.exc_text = None
    return True


def quote_no_requests() -> None:
    """Add the filter to aiohttp's logger."""
    logging.getLogger("aiohttp.server").addFilter(without_requests)
