"""A new utterance: accepted, and answered in the response if the model is fast enough."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from aiohttp import web

from bot.admission.forecast import Forecast, called_back, held, minutes
from bot.conversation.inbox import ACCEPT_TIMEOUT_S
from bot.domain.deliveries import DeliveryState, DeliveryVia, ReplyHandle
from bot.domain.turns import Utterance
from bot.messengers.kakao.http_responses import ResponsesByBot, SkillResponses
from bot.messengers.kakao.settings import KakaoSettings
from bot.messengers.plugin import Services
from bot.messengers.sync_response import SyncResponder
from runtime.database import DATABASE_ERRORS
from runtime.timeouts import run_with_timeout

log = structlog.get_logger(__name__)

#: What is left of Kakao's five seconds at the end of the sync budget.
DATABASE_TIMEOUT_S = 0.6


class TurnResponder:
    """Accepts utterances and chooses the route of each answer."""

    def __init__(
        self, settings: KakaoSettings, services: Services, responses: ResponsesByBot
    ) -> None:
        self._settings = settings
        self._services = services
        self._sync_window = services.sync_window
        self._responses = responses

    async def respond(self, request: web.Request, utterance: Utterance) -> web.StreamResponse:
        """Accept and respond. Raises StoreDownError or StoreFaultError: not accepted."""
        forecast, gap_s = self._services.forecast, self._settings.callback_gap_s
        reply = initial_route(forecast, utterance, callback_gap_s=gap_s)
        responses = self._responses.of(utterance.tenant)
        accepted = await self._services.inbox.submit(replace(utterance, reply=reply))
        if accepted.new and reply.via is DeliveryVia.HELD:
            return self._hold_under_load(accepted.turn_id, responses)
        if accepted.new and reply.via is DeliveryVia.CALLBACK:
            return responses.promise_callback()
        try:
            return await self._answer(request, accepted.turn_id, utterance, reply)
        except DATABASE_ERRORS as error:
            # The turn is kept: its delivery is recovered once Postgres is back.
            log.error("store_down", turn_id=str(accepted.turn_id), error=type(error).__name__)
            return responses.hold(accepted.turn_id, responses.texts.held_ready_soon)

    async def _answer(
        self, request: web.Request, turn_id: UUID, utterance: Utterance, reply: ReplyHandle
    ) -> web.StreamResponse:
        # A repeated event with a callback ahead gets that promise at once too.
        until = utterance.reply.sync_until if reply.via is DeliveryVia.SYNC else None
        left_s = (until - datetime.now(UTC)).total_seconds() if until else 0.0
        latest = time.monotonic() + max(left_s, 0) + DATABASE_TIMEOUT_S
        if await self._services.waiters.wait(turn_id, left_s, person=utterance.person):
            show = self._responses.of(utterance.tenant).show
            response = await SyncResponder(self._sync_window, show).respond(
                request, turn_id, (DeliveryState.PENDING,), timeout_s=latest - time.monotonic()
            )
            if response is not None:
                return response
        return await self._answer_later(turn_id, utterance)

    async def _answer_later(self, turn_id: UUID, utterance: Utterance) -> web.StreamResponse:
        """Promise the callback or offer the button, at the end of the sync budget."""
        responses = self._responses.of(utterance.tenant)
        by_callback = utterance.reply.callback_until is not None
        async with asyncio.timeout(DATABASE_TIMEOUT_S):
            closed = await self._sync_window.close(
                turn_id,
                via=DeliveryVia.CALLBACK if by_callback else DeliveryVia.HELD,
                state=DeliveryState.PENDING if by_callback else DeliveryState.HELD,
                after_s=self._settings.callback_gap_s,
            )
        if not closed:  # the request was repeated
            finding = self._sync_window.find(turn_id)
            delivery = await run_with_timeout(DATABASE_TIMEOUT_S, finding)
            if delivery is not None and delivery.state is DeliveryState.DELIVERED:
                return responses.say(responses.texts.held_delivered_already)
            by_callback = delivery is not None and delivery.via is not DeliveryVia.HELD
        if by_callback:
            return responses.promise_callback()
        if self._services.workers.model_is_off:
            return responses.hold_while_off(turn_id, self._settings.hold_s)
        return responses.hold(turn_id, responses.texts.held_ready_soon)

    def _hold_under_load(self, turn_id: UUID, responses: SkillResponses) -> web.StreamResponse:
        """Offer the button at once: under load neither response nor callback would be in time."""
        about = minutes(self._services.forecast.answered_at_last_in_s)
        return responses.hold(turn_id, responses.texts.held_busy.format(minutes=about))


def initial_route(
    forecast: Forecast, utterance: Utterance, *, callback_gap_s: float
) -> ReplyHandle:
    """The reply's handle with the first route that the forecast expects to be in time."""
    reply = utterance.reply
    if forecast.misses(utterance):
        return held(reply)
    if reply.callback_until and forecast.outlasts_window(utterance):
        # not_before allows for a full ACCEPT_TIMEOUT_S before the acknowledgement.
        gap_over = utterance.received_at + timedelta(seconds=ACCEPT_TIMEOUT_S + callback_gap_s)
        return called_back(reply, min(gap_over, reply.callback_until))
    return reply
