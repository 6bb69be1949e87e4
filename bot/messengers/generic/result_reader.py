"""GET /webhooks/generic/results/{id}: the stored answer, for signed requests."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from aiohttp import web

from bot.domain.deliveries import Answer, DeliveryState, DeliveryVia
from bot.domain.messenger import Refusal
from bot.domain.turns import SETTLED, Utterance
from bot.messengers.generic.responses import database_away, json_response
from bot.messengers.generic.results import answer_document, pending_document
from bot.messengers.generic.settings import GenericSettings
from bot.messengers.generic.signature import verify
from bot.messengers.parsing import held_turn_id
from bot.messengers.plugin import Services
from bot.messengers.sync_response import SyncResponder
from bot.observability.database_errors import report_database_error
from bot.store import turns
from bot.store.turns import Turn
from runtime.database import DATABASE_ERRORS
from runtime.timeouts import run_with_timeout

#: The states in which a fetch delivers the answer.
FETCHABLE = (DeliveryState.PENDING, DeliveryState.HELD)
DATABASE_TIMEOUT_S = 2.0


class ResultReader:
    """Reads this messenger's turns, and delivers their answers to signed requests."""

    def __init__(self, settings: GenericSettings, services: Services) -> None:
        self._settings = settings
        self._services = services
        self.responder = SyncResponder(services.sync_window, self._render)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """200 with the answer, 202 before there is one, 404 for an unknown message.

        503 while the database is down.
        """
        try:
            turn = await self.requested(request)
            response = await self.respond(request, turn)
        except DATABASE_ERRORS as error:
            report_database_error("read_result", error)
            return database_away(self._services.texts)
        return response or json_response(pending_document(turn.id), status=202)

    async def requested(self, request: web.Request) -> Turn:
        """The turn in the path of a signed GET. Raises Refusal 401 and 404."""
        now = datetime.now(UTC)
        verify(
            request.headers,
            request.raw_path.partition("?")[0].encode(),
            self._settings.secrets,
            now,
        )
        turn_id = held_turn_id(request.match_info["id"])
        turn = await self.find(turn_id) if turn_id else None
        if turn is None or turn.messenger != "generic":
            raise Refusal(404, "there is no such message")
        return turn

    async def find(self, turn_id: UUID) -> Turn | None:
        """The current turn."""
        return await run_with_timeout(DATABASE_TIMEOUT_S, self._find(turn_id))

    async def is_of(self, turn_id: UUID, utterance: Utterance) -> bool:
        """Whether the turn has the content of this message."""
        turn = await self.find(turn_id)
        return turn is not None and (turn.conversation_key, turn.sender, turn.text) == (
            utterance.conversation_key,
            utterance.sender,
            utterance.text,
        )

    async def respond(
        self,
        request: web.Request,
        turn: Turn,
        ways: Iterable[tuple[DeliveryState, ...]] = (FETCHABLE,),
    ) -> web.StreamResponse | None:
        """The turn's answer, written out if this response delivers it; None: not settled.

        ``ways``: states of the delivery in which this response delivers the answer, tried in their
        order.
        """
        if turn.status not in SETTLED:
            return None
        # A callback is posted even if its result was fetched.
        for states in ways if turn.reply_handle.via is not DeliveryVia.POST else ():
            response = await self.responder.respond(
                request, turn.id, states, timeout_s=DATABASE_TIMEOUT_S
            )
            if response is not None:
                return response
        return json_response(await self.document(turn.id))

    async def document(self, turn_id: UUID) -> dict[str, Any]:
        """The result of a settled turn, for repeated reads."""
        reading = self._services.sync_window.read(turn_id)
        answer = await run_with_timeout(DATABASE_TIMEOUT_S, reading)
        return answer_document(answer, self._services.texts)

    def _render(self, answer: Answer) -> web.Response:
        return json_response(answer_document(answer, self._services.texts))

    async def _find(self, turn_id: UUID) -> Turn | None:
        async with self._services.database.connect() as connection:
            return await turns.find_turn(connection, turn_id)
