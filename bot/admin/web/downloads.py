"""Files that are sent while they are read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from aiohttp import web

from runtime.database import DATABASE_ERRORS

log = structlog.get_logger(__name__)


class FileGoneError(OSError):
    """The rest of the file was deleted meanwhile."""


@contextmanager
def cut_on_failure(request: web.Request) -> Iterator[None]:
    """Cut the connection where the sending fails.

    The file has begun, so no page can say it: the browser shows a download that broke off. Left
    open, the connection would carry the next answer as the rest of the file.
    """
    try:
        yield
    except (OSError, *DATABASE_ERRORS) as error:
        log.warning("download_cut", error=type(error).__name__)
        if request.transport:
            request.transport.abort()
