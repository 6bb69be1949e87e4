"""GET /webhooks/generic/results/{id}/events: the answer as it is written (server-sent events).

``token`` carries the next characters; ``restart`` says that another worker begins the answer anew;
``result`` is the end, with the same JSON as the result itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.deliveries import Answer, DeliveryVia
from bot.domain.messenger import Refusal
from bot.domain.turns import SETTLED
from bot.messengers.generic.responses import database_away
from bot.messengers.generic.result_reader import FETCHABLE, ResultReader
from bot.messengers.generic.results import answer_document
from bot.messengers.generic.settings import GenericSettings
from bot.messengers.plugin import Services
from bot.observability.database_errors import report_database_error
from bot.store.turns import Turn
from inference_queue.token_stream import TokenStream, current_attempt
from runtime.database import DATABASE_ERRORS

READ_EVERY_S = 0.1
#: How often it is asked whether the turn has a job yet, and which attempt at it runs.
LOOK_EVERY_S = 1.0
HEARTBEAT_S = 15.0
#: A client that does not read is given up.
WRITE_TIMEOUT_S = 10.0
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@dataclass(slots=True)
class Place:
    """How far a client has read: the attempt, and the last chunk of its text."""

    attempt: int = 0
    chunk: str = ""


class EventStreams:
    """Streams to as many clients at once as the settings allow."""

    def __init__(
        self,
        settings: GenericSettings,
        services: Services,
        results: ResultReader,
        tokens: TokenStream,
    ) -> None:
        self._max_streams = settings.max_streams
        self._services = services
        self._results = results
        self._tokens = tokens
        self._open = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Stream until the result is out, or the client has gone.

        503: too many streams, or the database is away. Where it goes away meanwhile the stream
        ends without a result, which the client then asks for.
        """
        try:
            turn = await self._results.requested(request)
        except DATABASE_ERRORS as error:
            report_database_error("read_result", error)
            return database_away(self._services.texts)
        if self._open >= self._max_streams:
            raise Refusal(503, "too many clients follow answers: ask for the result instead")
        response = web.StreamResponse(headers=HEADERS)
        response.content_type = "text/event-stream"
        self._open += 1
        try:
            await response.prepare(request)
            with contextlib.suppress(*DATABASE_ERRORS):  # those of the connection among them
                await self._stream(response, turn)
        finally:
            self._open -= 1
        return response

    async def _stream(self, response: web.StreamResponse, turn: Turn) -> None:
        follower = Follower(self._results, self._services.database, self._tokens)
        written_at = time.monotonic()
        with self._services.waiters.following(turn.id) as settled:
            while (
                not settled.is_set() and (turn := await follower.look(turn)).status not in SETTLED
            ):
                for event, document in await follower.events():
                    await send_event(response, event, document)
                    written_at = time.monotonic()
                if time.monotonic() - written_at > HEARTBEAT_S:
                    await _write(response, b": still here\n\n")
                    written_at = time.monotonic()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(settled.wait(), READ_EVERY_S)
        await self._send_result(response, turn)

    async def _send_result(self, response: web.StreamResponse, turn: Turn) -> None:
        async def write(answer: Answer) -> None:
            document = answer_document(answer, self._services.texts)
            await send_event(response, "result", document)

        delivered = turn.reply_handle.via is not DeliveryVia.POST and (
            await self._results.responder.deliver(turn.id, FETCHABLE, write)
        )
        if not delivered:
            await send_event(response, "result", await self._results.document(turn.id))


class Follower:
    """What is new of one answer, each time it is asked."""

    def __init__(self, results: ResultReader, database: AsyncEngine, tokens: TokenStream) -> None:
        self._results = results
        self._database = database
        self._tokens = tokens
        self._place = Place()
        self._look_at = 0.0
        self._job_id: UUID | None = None
        self._attempt = 0

    async def look(self, turn: Turn) -> Turn:
        """The turn as it stands, and the attempt at its job; asked once a second."""
        if time.monotonic() < self._look_at:
            return turn
        self._look_at = time.monotonic() + LOOK_EVERY_S
        with contextlib.suppress(*DATABASE_ERRORS):  # the next look asks again
            turn = await self._results.find(turn.id) or turn
            self._job_id = turn.job_id
            if turn.job_id is not None:
                async with self._database.connect() as connection:
                    self._attempt = await current_attempt(connection, turn.job_id) or self._attempt
        return turn

    async def events(self) -> list[tuple[str, dict[str, Any]]]:
        """The names and data of the events that are due."""
        events: list[tuple[str, dict[str, Any]]] = []
        if self._job_id is None or not self._attempt:
            return events
        if self._place.attempt != self._attempt:
            if self._place.chunk:
                events.append(("restart", {}))
            self._place = Place(self._attempt)
        chunks = await self._tokens.read_new(self._job_id, self._attempt, self._place.chunk)
        if chunks:
            self._place.chunk = chunks[-1].id
            events.append(("token", {"text": "".join(chunk.text for chunk in chunks)}))
        return events


async def send_event(response: web.StreamResponse, name: str, document: dict[str, Any]) -> None:
    """One server-sent event, its data one line of JSON."""
    data = json.dumps(document, ensure_ascii=False)
    await _write(response, f"event: {name}\ndata: {data}\n\n".encode())


async def _write(response: web.StreamResponse, chunk: bytes) -> None:
    """Raises OSError, a TimeoutError where the client does not read."""
    async with asyncio.timeout(WRITE_TIMEOUT_S):
        await response.write(chunk)
