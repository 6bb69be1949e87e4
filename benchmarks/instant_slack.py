"""Slack's Web API as a process that answers every call at once: what the calls cost the bot."""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop

from benchmarks.raw_http import content_length

_BODY = b'{"ok":true,"ts":"1764000000.000100"}'
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
    len(_BODY),
    _BODY,
)


class InstantAnswers(asyncio.Protocol):
    """One connection: the same answer to each request, once its body has arrived."""

    def __init__(self) -> None:
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer the whole requests."""
        self._received += data
        while True:
            head, found, rest = self._received.partition(b"\r\n\r\n")
            length = content_length(head) if found else 0
            if not found or len(rest) < length or self._transport is None:
                return
            self._received = rest[length:]
            self._transport.write(_ANSWER)


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(InstantAnswers, "127.0.0.1", port)
    await server.serve_forever()


def main() -> None:
    """Listen on 127.0.0.1; the first argument is the port."""
    uvloop.run(_serve(int(sys.argv[1])))


if __name__ == "__main__":
    main()
