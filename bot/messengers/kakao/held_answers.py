"""The fetch button of a held answer: shows its turn to the person of the question."""

from __future__ import annotations

import time
from uuid import UUID

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.conversation.inbox import StoreDownError
from bot.domain.deliveries import DeliveryState
from bot.domain.messenger import Incoming
from bot.domain.turns import SETTLED, Person
from bot.messengers.kakao.http_responses import ResponsesByBot, SkillResponses
from bot.messengers.kakao.own_turns import find_own_turn
from bot.messengers.kakao.settings import KakaoSettings
from bot.messengers.kakao.turn_response import DATABASE_TIMEOUT_S
from bot.messengers.plugin import Services
from bot.messengers.sync_response import SyncResponder
from bot.store import deliveries
from runtime.database import DATABASE_ERRORS
from runtime.timeouts import run_with_timeout


class HeldAnswers:
    """Answers presses of the fetch button."""

    def __init__(
        self, settings: KakaoSettings, services: Services, responses: ResponsesByBot
    ) -> None:
        self._settings = settings
        self._database = services.database
        self._services = services
        self._sync_window = services.sync_window
        self._responses = responses

    async def fetch(
        self, request: web.Request, incoming: Incoming, turn_id: UUID
    ) -> web.StreamResponse:
        """The turn's answer, or a new button if there is none yet. Raises StoreDownError."""
        try:
            return await self._fetch(request, incoming, turn_id)
        except DATABASE_ERRORS as error:
            raise StoreDownError from error

    async def fetch_newest(self, request: web.Request, incoming: Incoming) -> web.StreamResponse:
        """The newest answer of this conversation that waits. Raises StoreDownError."""
        try:
            finding = _find_newest(self._database, incoming)
            turn_id = await run_with_timeout(DATABASE_TIMEOUT_S, finding)
            if turn_id is None:
                responses = self._responses.of(incoming.tenant)
                return responses.say(responses.texts.nothing_held)
            return await self._fetch(request, incoming, turn_id)
        except DATABASE_ERRORS as error:
            raise StoreDownError from error

    async def _fetch(
        self, request: web.Request, incoming: Incoming, turn_id: UUID
    ) -> web.StreamResponse:
        responses = self._responses.of(incoming.tenant)
        budget_s = self._settings.sync_budget_s
        until = time.monotonic() + budget_s
        finding = find_own_turn(self._database, turn_id, incoming)
        turn = await run_with_timeout(max(budget_s, DATABASE_TIMEOUT_S), finding)
        if turn is None:
            return responses.say(responses.texts.held_expired)
        left_s = until - time.monotonic()
        if turn.status not in SETTLED and not await self._wait(incoming, turn_id, left_s):
            if self._services.workers.model_is_off:
                return responses.hold_while_off(turn_id, self._settings.hold_s)
            return responses.hold(turn_id, responses.texts.held_still)
        states = (DeliveryState.PENDING, DeliveryState.HELD)
        latest = max(until, time.monotonic()) + DATABASE_TIMEOUT_S
        response = await SyncResponder(self._sync_window, responses.show).respond(
            request, turn_id, states, timeout_s=latest - time.monotonic()
        )
        return response or await self._fetched_before(turn_id, responses)

    async def _wait(self, incoming: Incoming, turn_id: UUID, timeout_s: float) -> bool:
        person = Person(messenger="kakao", tenant=incoming.tenant, sender=incoming.sender)
        return await self._services.waiters.wait(turn_id, timeout_s, person=person)

    async def _fetched_before(self, turn_id: UUID, responses: SkillResponses) -> web.Response:
        """The response for an answer that another route has claimed or delivered."""
        showing = self._sync_window.show_again(turn_id)
        if again := await run_with_timeout(DATABASE_TIMEOUT_S, showing):
            return responses.show(again)
        delivery = await run_with_timeout(DATABASE_TIMEOUT_S, self._sync_window.find(turn_id))
        if delivery is None or delivery.state is DeliveryState.EXPIRED:
            return responses.say(responses.texts.held_expired)
        if delivery.state is DeliveryState.DELIVERED:
            return responses.say(responses.texts.held_delivered_already)
        # The callback is or was on the wire, perhaps with only a part of the answer.
        return responses.hold(turn_id, responses.texts.held_still)


async def _find_newest(database: AsyncEngine, incoming: Incoming) -> UUID | None:
    async with database.connect() as connection:
        return await deliveries.newest_waiting(
            connection,
            messenger="kakao",
            tenant=incoming.tenant,
            key=incoming.conversation_key,
        )
