"""Votes on answers, given by quick replies."""

from __future__ import annotations

from aiohttp import web

from bot.domain.feedback import Feedback, Vote
from bot.domain.messenger import Incoming
from bot.messengers.kakao.http_responses import ResponsesByBot
from bot.messengers.kakao.presses import VotePress
from bot.messengers.plugin import Services
from bot.store.feedback import Place


class VoteReceiver:
    """Records votes; a bad one is asked for its reason."""

    def __init__(self, services: Services, responses: ResponsesByBot) -> None:
        self._requests = services.requests
        self._responses = responses

    async def receive(self, incoming: Incoming, press: VotePress) -> web.Response:
        """Record the vote; one on another person's answer changes nothing.

        Raises StoreDownError.
        """
        responses = self._responses.of(incoming.tenant)
        given = Feedback(
            turn_id=press.turn_id,
            voter=incoming.sender,
            vote=press.vote,
            reasons=(press.reason,) if press.reason else (),
        )
        place = Place(messenger="kakao", tenant=incoming.tenant, key=incoming.conversation_key)
        if not await self._requests.vote(given, place):
            return responses.say(responses.texts.vote_unknown)
        if press.vote is Vote.BAD and press.reason is None:
            return responses.ask_reason(press)
        return responses.thank(press)
