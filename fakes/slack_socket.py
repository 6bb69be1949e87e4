"""Slack's Socket Mode: apps.connections.open, and the WebSocket behind it.

    async with slack_socket_server() as socket:
        bot: BOT_SLACK_API_URL = socket.api_url, BOT_SLACK_APP_TOKEN = APP_TOKEN
        acknowledged = await socket.deliver("events_api", {...})

Each URL is good for one connection. An envelope that a connection did not acknowledge is sent once
more on the next one, as Slack does for events.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from fakes.faults import Arrivals, Fault, Faults, serving

APP_TOKEN = "xapp-1-A0BLLOSSOM-1-secret"
#: Connections of one app at once.
MAX_CONNECTIONS = 10


@dataclass(eq=False)
class Envelope:
    """One delivery, and what the bot made of it."""

    document: dict[str, Any]
    sent: int = 0  #: how often
    acknowledgements: list[dict[str, Any]] = field(default_factory=list)


class SlackSocket:
    """The connections of one app."""

    def __init__(self) -> None:
        self.origin = ""  #: set when it serves
        self.opened: list[str] = []  #: the token of each call of apps.connections.open
        self.open_faults = Faults()
        self.refusal = ""  #: the error of every call of apps.connections.open
        self.refuses_sockets = False  #: the WebSocket's handshake fails
        self.connections: list[web.WebSocketResponse] = []
        self.envelopes: dict[str, Envelope] = {}
        self._requests: dict[web.WebSocketResponse, web.Request] = {}
        self._tickets: set[str] = set()
        self._arrivals = Arrivals()

    @property
    def api_url(self) -> str:
        """For BOT_SLACK_API_URL."""
        return f"{self.origin}/api/"

    def add_routes(self, app: web.Application) -> None:
        """Mount the method and the WebSocket."""
        app.router.add_post("/api/apps.connections.open", self.open)
        app.router.add_get("/link", self.connect)

    async def open(self, request: web.Request) -> web.Response:
        """apps.connections.open: a URL for one connection."""
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.opened.append(token)
        await self._arrivals.note()
        fault = self.open_faults.take()
        if fault is Fault.RATE_LIMITED:
            limited = {"Retry-After": str(self.open_faults.retry_after_s)}
            return web.json_response(
                {"ok": False, "error": "ratelimited"}, status=429, headers=limited
            )
        error = self.refusal or ("" if token == APP_TOKEN else "invalid_auth")
        if error:
            return web.json_response({"ok": False, "error": error})
        ticket = secrets.token_hex(16)
        self._tickets.add(ticket)
        url = f"{self.origin.replace('http', 'ws', 1)}/link?ticket={ticket}"
        return await self.open_faults.answer(
            fault, request, web.json_response({"ok": True, "url": url})
        )

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """One connection, until either side ends it."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets or self.refuses_sockets:
            return web.Response(status=403)
        self._tickets.discard(ticket)
        connection = web.WebSocketResponse()
        await connection.prepare(request)
        if len(self.connections) >= MAX_CONNECTIONS:
            await connection.send_json({"type": "disconnect", "reason": "too_many_websockets"})
            await connection.close()
            return connection
        self.connections.append(connection)
        self._requests[connection] = request
        await connection.send_json({"type": "hello", "num_connections": len(self.connections)})
        for envelope in list(self.envelopes.values()):
            if not envelope.acknowledgements:
                await self._send(connection, envelope)
        await self._arrivals.note()
        try:
            async for message in connection:
                if message.type is WSMsgType.TEXT:
                    await self._acknowledge(message.json())
        finally:
            self.connections.remove(connection)
            del self._requests[connection]
            await self._arrivals.note()
        return connection

    async def post(self, kind: str, payload: dict[str, Any], **fields: Any) -> Envelope:
        """Send an envelope on any connection, or keep it for the next one."""
        envelope_id = secrets.token_hex(16)
        document = {
            "type": kind,
            "envelope_id": envelope_id,
            "payload": payload,
            "accepts_response_payload": kind != "events_api",
            **fields,
        }
        envelope = self.envelopes[envelope_id] = Envelope(document)
        if self.connections:
            await self._send(secrets.choice(self.connections), envelope)
        return envelope

    def expect(self, envelope_id: str) -> Envelope:
        """Allow the acknowledgement of an envelope that a test sends itself."""
        envelope = self.envelopes[envelope_id] = Envelope({"type": "", "envelope_id": envelope_id})
        return envelope

    async def deliver(
        self, kind: str, payload: dict[str, Any], *, timeout_s: float = 20.0, **fields: Any
    ) -> dict[str, Any]:
        """Send an envelope; the bot's acknowledgement."""
        envelope = await self.post(kind, payload, **fields)
        await self.until(lambda: bool(envelope.acknowledgements), timeout_s)
        return envelope.acknowledgements[0]

    async def until_connected(self, count: int = 1, timeout_s: float = 20.0) -> None:
        """Wait for so many connections."""
        await self.until(lambda: len(self.connections) >= count, timeout_s)

    async def until(self, holds: Any, timeout_s: float = 20.0) -> None:
        """Wait until the condition holds; raises TimeoutError."""
        await self._arrivals.until(holds, timeout_s)

    async def say_goodbye(self) -> None:
        """Ask the bot to connect again, as Slack does every few hours; the old one closes later."""
        for connection in list(self.connections):
            await connection.send_json({"type": "disconnect", "reason": "refresh_requested"})

    def drop(self) -> None:
        """Lose all connections without a word."""
        for connection in list(self.connections):
            if transport := self._requests[connection].transport:
                transport.abort()

    async def _send(self, connection: web.WebSocketResponse, envelope: Envelope) -> None:
        document = envelope.document
        if document["type"] == "events_api":
            document = {**document, "retry_attempt": envelope.sent, "retry_reason": ""}
        envelope.sent += 1
        with suppress(ConnectionError):
            await connection.send_str(json.dumps(document, ensure_ascii=False))

    async def _acknowledge(self, document: dict[str, Any]) -> None:
        self.envelopes[document["envelope_id"]].acknowledgements.append(document)
        await self._arrivals.note()


@asynccontextmanager
async def slack_socket_server() -> AsyncIterator[SlackSocket]:
    """Socket Mode alone, serving."""
    socket = SlackSocket()
    app = web.Application()
    socket.add_routes(app)
    async with serving(app, socket.open_faults.close) as origin:
        socket.origin = origin
        yield socket
        await asyncio.gather(*(connection.close() for connection in list(socket.connections)))
