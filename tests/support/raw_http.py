"""A real TCP server that keeps every request byte for byte and answers as it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


def http(status: int, body: str | bytes = b"", **headers: str) -> bytes:
    """A whole HTTP answer."""
    raw = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(raw)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + raw


@dataclass
class Wire:
    """Answers with ``answers`` in turn (the last one again and again), then closes."""

    answers: list[bytes] = field(default_factory=lambda: [http(200, "ok")])
    delay_s: float = 0.0
    port: int = 0
    heads: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def targets(self) -> list[str]:
        """What stood in each request line between the method and the version."""
        return [head.split(b" ", 2)[1].decode() for head in self.heads]

    def json(self, index: int = -1) -> Any:
        return json.loads(self.bodies[index])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            lengths = (
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            )
            length = next(lengths, 0)
            self.heads.append(head)
            self.bodies.append(await reader.readexactly(length))
            await asyncio.sleep(self.delay_s)
            writer.write(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
            await writer.drain()
        except (asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def wire(*answers: bytes, delay_s: float = 0.0) -> AsyncIterator[Wire]:
    """A Wire on a port of the system's choice."""
    scripted = Wire(delay_s=delay_s)
    if answers:
        scripted.answers = list(answers)
    server = await asyncio.start_server(scripted.serve, "127.0.0.1", 0)
    scripted.port = server.sockets[0].getsockname()[1]
    try:
        yield scripted
    finally:
        server.close()


def free_port() -> int:
    """A port of this machine on which nobody listens."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
