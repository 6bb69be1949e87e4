"""Reused connections of aiohttp's client: whether a request went over one, and only clean ones.

Such a connection may have been closed by the server a moment ago: then the request was perhaps
never read, and its loss says nothing about the server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession, TCPConnector, TraceConfig
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from aiohttp.tracing import Trace


@dataclass(slots=True)
class ConnectionUse:
    """The connection of one request; passed as its ``trace_request_ctx``."""

    is_again: bool = False


def telling_of_reuse() -> TraceConfig:
    """For a session whose requests carry a ``ConnectionUse``."""
    tracing = TraceConfig()
    tracing.on_connection_reuseconn.append(_note_reused)
    tracing.on_connection_create_start.append(_note_new)
    return tracing


async def _note_reused(_session: ClientSession, context: Any, _params: object) -> None:
    context.trace_request_ctx.is_again = True


async def _note_new(_session: ClientSession, context: Any, _params: object) -> None:
    context.trace_request_ctx.is_again = False


class CleanConnector(TCPConnector):
    """Closes a kept connection on which something came that nobody had asked for.

    aiohttp would take it for the response to the next request.
    """

    async def _get(self, key: ConnectionKey, traces: list[Trace]) -> Connection | None:
        while (connection := await super()._get(key, traces)) is not None:
            if connection.protocol is None or not connection.protocol.should_close:
                return connection
            connection.close()
        return None
