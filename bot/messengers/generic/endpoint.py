"""POST /webhooks/generic: verify, read, accept; respond with the answer or its URL."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from uuid import UUID

from aiohttp import web

from bot.conversation.accept_batcher import ConversationFullError, HumanAnswersError
from bot.conversation.inbox import StoreDownError, StoreFaultError
from bot.domain.deliveries import DeliveryState, DeliveryVia
from bot.domain.messenger import Command, Incoming, Refusal
from bot.domain.turns import Utterance
from bot.http.body import read_body
from bot.messengers.commands import PersonCommands
from bot.messengers.generic.message import read_message
from bot.messengers.generic.responses import database_away, json_response, refuse
from bot.messengers.generic.result_reader import FETCHABLE, ResultReader
from bot.messengers.generic.results import pending_document
from bot.messengers.generic.settings import GenericSettings
from bot.messengers.generic.signature import SIGNATURE_HEADER, verify
from bot.messengers.plugin import Services
from bot.messengers.problems import problem_sentence
from bot.observability.database_errors import report_database_error
from bot.store.inbox import Accepted
from runtime.database import DATABASE_ERRORS


class GenericEndpoint:
    """The webhook for messages."""

    def __init__(
        self, settings: GenericSettings, services: Services, results: ResultReader
    ) -> None:
        self._settings = settings
        self._inbox = services.inbox
        self._sync_window = services.sync_window
        self._waiters = services.waiters
        self._texts = services.texts
        self._texts_for = services.texts_for
        self._max_chars = services.settings.max_utterance_chars
        self._results = results
        self._commands = PersonCommands(services, "generic")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """202 with the id, or 200 with the answer for a client that waits for it.

        Raises Refusal 401 for an unsigned request, 400 for a program's mistake.
        """
        received_at = datetime.now(UTC)
        body = await read_body(request)
        verify(request.headers, body, self._settings.secrets, received_at)
        incoming = read_message(
            body,
            received_at,
            self._settings,
            signature=request.headers.get(SIGNATURE_HEADER, ""),
            wait_s=wait_s(request, self._settings.max_wait_s),
            max_chars=self._max_chars,
        )
        try:
            return await self._receive(request, incoming)
        except StoreDownError:
            return database_away(self._texts)
        except StoreFaultError:
            return refuse(422, "the message cannot be stored", self._texts.storage_fault)
        except ConversationFullError:
            return refuse(429, "too many questions wait", self._texts.conversation_full)
        except HumanAnswersError:
            return refuse(409, "a human answers in this conversation", self._texts.human_answers)
        except DATABASE_ERRORS as error:
            # The message may be stored: the client repeats it with its key.
            report_database_error("read_result", error)
            return database_away(self._texts)

    async def _receive(self, request: web.Request, incoming: Incoming) -> web.StreamResponse:
        texts = self._texts_for("generic", incoming.tenant, incoming.room)
        if incoming.command is Command.HELP:
            return json_response({"status": "help", "message": texts.about})
        if incoming.command is not None:
            # The in-house messenger has asked its person whether everything is to be erased.
            outcome = await self._commands.carry_out(incoming)
            return json_response({"status": incoming.command.value, "message": outcome.sentence})
        if incoming.utterance is None:
            sentence = problem_sentence(incoming.problem, texts, max_chars=self._max_chars)
            return refuse(422, str(incoming.problem), sentence)
        if sentence := await self._inbox.rejection(incoming.utterance):
            if self._inbox.is_blocked(incoming.utterance.person):
                return refuse(403, "this person is blocked", sentence)
            return refuse(429, "too much at once", sentence)
        accepted = await self._inbox.submit(incoming.utterance)
        if not accepted.new and not await self._results.is_of(accepted.turn_id, incoming.utterance):
            raise Refusal(409, "idempotency_key: used for another message")
        return await self._respond(request, accepted, incoming.utterance)

    async def _respond(
        self, request: web.Request, accepted: Accepted, utterance: Utterance
    ) -> web.StreamResponse:
        reply = utterance.reply
        if reply.via is DeliveryVia.POST:
            return json_response(pending_document(accepted.turn_id), status=202)
        wait = (reply.sync_until or utterance.received_at) - utterance.received_at
        left_s = (utterance.received_at + wait - datetime.now(UTC)) / timedelta(seconds=1)
        await self._waiters.wait(accepted.turn_id, left_s, person=utterance.person)
        # A repeated request may have closed the window, or have died before it did.
        own = ((DeliveryState.PENDING,),) if accepted.new else ()
        if response := await self._answer(request, accepted.turn_id, (*own, FETCHABLE)):
            return response
        await self._hold(accepted.turn_id)
        return json_response(pending_document(accepted.turn_id), status=202)

    async def _answer(
        self, request: web.Request, turn_id: UUID, ways: tuple[tuple[DeliveryState, ...], ...]
    ) -> web.StreamResponse | None:
        """The answer; None: not yet, or unreadable now, but the message is stored."""
        try:
            turn = await self._results.find(turn_id)
            return await self._results.respond(request, turn, ways) if turn else None
        except DATABASE_ERRORS as error:
            report_database_error("read_result", error, [turn_id])
            return None

    async def _hold(self, turn_id: UUID) -> None:
        """Hold the answer to be fetched: this response does not carry it."""
        try:
            await self._sync_window.close(
                turn_id, via=DeliveryVia.HELD, state=DeliveryState.HELD, after_s=0.0
            )
        except DATABASE_ERRORS:
            # Logged there. The turn is kept: the recovery of deliveries closes its window.
            return


def wait_s(request: web.Request, max_wait_s: float) -> float:
    """``?wait=``: the seconds that the response may wait. Raises Refusal(400)."""
    raw = request.query.get("wait", "0")
    try:
        seconds = float(raw) if len(raw) <= 10 else math.nan
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= max_wait_s:
        raise Refusal(400, f"wait: 0 to {max_wait_s:g} seconds")
    return seconds
