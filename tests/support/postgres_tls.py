"""TLS in front of a Postgres whose build has none: the negotiation of the protocol, then bytes."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

#: The first message of a client that wants TLS: its length and a code in place of a version.
SSL_REQUEST = struct.pack("!II", 8, 80_877_103)


class TlsFront:
    """A port that offers TLS and passes the rest on to a server's port."""

    def __init__(self, target_port: int, context: ssl.SSLContext) -> None:
        self.port = 0
        self.secured = 0  #: connections over TLS so far
        self._target_port = target_port
        self._context = context

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            first = await reader.readexactly(8)
            if first == SSL_REQUEST:
                writer.write(b"S")
                await writer.drain()
                await writer.start_tls(self._context)
                self.secured += 1
                first = b""
            inner, outer = await asyncio.open_connection("127.0.0.1", self._target_port)
            outer.write(first)
            await asyncio.gather(_pass_on(reader, outer), _pass_on(inner, writer))
        writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def tls_front(target_port: int, context: ssl.SSLContext) -> AsyncIterator[TlsFront]:
    """The front, serving on a free port of this machine."""
    front = TlsFront(target_port, context)
    server = await asyncio.start_server(front.handle, "127.0.0.1", 0)
    front.port = server.sockets[0].getsockname()[1]
    try:
        yield front
    finally:
        server.close()
