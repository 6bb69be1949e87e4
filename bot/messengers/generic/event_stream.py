"""GET /webhooks/generic/results/{id}/events: the answer during generation (server-sent events).

``token`` carries the next characters; ``restart``: another worker begins the answer anew;
``result`` ends the stream, with the JSON of the result.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from typing import Any
from uuid import UUID

import structlog
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.deliveries import Answer, DeliveryVia
from bot.domain.turns import SETTLED, Person
from bot.http.server_sent_events import ClientGoneError, EventWriter
from bot.messengers.generic.responses import database_away, refuse
from bot.messengers.generic.result_reader import DATABASE_TIMEOUT_S, FETCHABLE, ResultReader
from bot.messengers.generic.results import answer_document
from bot.messengers.generic.settings import GenericSettings
from bot.messengers.plugin import Services
from bot.observability.database_errors import report_database_error
from bot.store.turns import Turn
from inference_queue.token_stream import ContiguousText, Run, TokenStream, current_run
from runtime.database import DATABASE_ERRORS
from runtime.periodic import FailureLog
from runtime.timeouts import run_with_timeout

log = structlog.get_logger(__name__)

READ_EVERY_S = 0.1
#: How often it is asked whether the turn has a job yet, and who runs it.
LOOK_EVERY_S = 1.0
#: Far above the answers that a person waits for, each on a few devices.
MAX_STREAMS_OF_A_PERSON = 32


class EventStreams:
    """Streams answers to concurrent clients, up to the maximum of the settings.

    One person holds a few of them only.
    """

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
        self._open: Counter[Person] = Counter()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Stream until the result is out, or the client has gone. 503: too many streams."""
        try:
            turn = await self._results.requested(request)
        except DATABASE_ERRORS as error:
            report_database_error("read_result", error)
            return database_away(self._services.texts)
        person = Person(messenger=turn.messenger, tenant=turn.tenant, sender=turn.sender)
        if self._open.total() >= self._max_streams or self._open[person] >= MAX_STREAMS_OF_A_PERSON:
            reason = "too many clients follow answers: ask for the result instead"
            return refuse(503, reason, self._services.texts.busy)
        writer = EventWriter(request)
        self._open[person] += 1
        try:
            await self._stream(writer, turn)
        except ClientGoneError:
            log.info("follower_gone", turn_id=str(turn.id))
        except DATABASE_ERRORS as error:
            # The stream ends without its result: the client asks for it.
            report_database_error("read_result", error, [turn.id])
        finally:
            self._open -= Counter([person])
        return writer.response

    async def _stream(self, writer: EventWriter, turn: Turn) -> None:
        await writer.begin()
        follower = Follower(self._results, self._services.database, self._tokens)
        with self._services.waiters.following(turn.id) as settled:
            while (
                not settled.is_set() and (turn := await follower.look(turn)).status not in SETTLED
            ):
                for event, document in await follower.events():
                    await writer.send(event, document)
                await writer.keep_alive()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(settled.wait(), READ_EVERY_S)
        await self._send_result(writer, turn)

    async def _send_result(self, writer: EventWriter, turn: Turn) -> None:
        async def write(answer: Answer) -> None:
            await writer.send("result", answer_document(answer, self._services.texts))

        delivered = turn.reply_handle.via is not DeliveryVia.POST and (
            await self._results.responder.deliver(
                turn.id, FETCHABLE, write, timeout_s=DATABASE_TIMEOUT_S
            )
        )
        if not delivered:
            await writer.send("result", await self._results.document(turn.id))


class Follower:
    """Reads the new events of one answer."""

    def __init__(self, results: ResultReader, database: AsyncEngine, tokens: TokenStream) -> None:
        self._results = results
        self._database = database
        self._tokens = tokens
        self._look_at = 0.0
        self._failures = FailureLog("event_stream")
        self._now: Run | None = None  #: as last looked at
        self._run: Run | None = None  #: whose text the client has
        self._last_chunk = ""  #: the id of the last one that was read of this run
        self._contiguous = ContiguousText()  #: of this run

    async def look(self, turn: Turn) -> Turn:
        """The turn as it stands, and who runs its job; asked once a second."""
        if time.monotonic() < self._look_at:
            return turn
        self._look_at = time.monotonic() + LOOK_EVERY_S
        with self._failures.guard():  # the next look asks again
            turn = await self._results.find(turn.id) or turn
            if turn.job_id is not None:
                reading = self._read_run(turn.job_id)
                self._now = await run_with_timeout(DATABASE_TIMEOUT_S, reading) or self._now
        return turn

    async def _read_run(self, job_id: UUID) -> Run | None:
        async with self._database.connect() as connection:
            return await current_run(connection, job_id)

    async def events(self) -> list[tuple[str, dict[str, Any]]]:
        """The names and data of the events that are due."""
        events: list[tuple[str, dict[str, Any]]] = []
        if self._now is None:
            return events
        if self._run != self._now:
            if self._last_chunk:
                events.append(("restart", {}))
            self._run, self._last_chunk = self._now, ""
            self._contiguous = ContiguousText()
        chunks = await self._tokens.read_new(self._run, self._last_chunk)
        if chunks:
            self._last_chunk = chunks[-1].id
            if text := "".join(self._contiguous.take(chunk) for chunk in chunks):
                events.append(("token", {"text": text}))
        return events
