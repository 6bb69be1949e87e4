"""Whether a request of aiohttp's client went over a connection that had served before.

Such a connection may have been closed by the server a moment ago: then the request was perhaps
never read, and its loss says nothing about the server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession, TraceConfig


@dataclass(slots=True)
class ConnectionUse:
    """The connection of one request; passed as its ``trace_request_ctx``."""

    is_again: bool = False


def telling_of_reuse() -> TraceConfig:
    """For a session whose requests carry a ``ConnectionUse``."""
    tracing = TraceConfig()
    tracing.on_connection_reuseconn.append(_note)
    return tracing


async def _note(_session: ClientSession, context: Any, _params: object) -> None:
    context.trace_request_ctx.is_again = True
