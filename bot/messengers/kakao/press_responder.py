"""Responses to pressed buttons: pages, votes, the rest of an unfinished answer."""

from __future__ import annotations

from aiohttp import web

from bot.domain.turns import Utterance
from bot.messengers.kakao.answer_reader import AnswerReader
from bot.messengers.kakao.continuation import Continuation
from bot.messengers.kakao.http_responses import ResponsesByBot
from bot.messengers.kakao.presses import PagePress, Press, VotePress
from bot.messengers.kakao.skill_request import SkillIncoming
from bot.messengers.kakao.votes import VoteReceiver
from bot.messengers.plugin import Services


class PressResponder:
    """Hands each press to its part."""

    def __init__(self, services: Services, responses: ResponsesByBot) -> None:
        self._reader = AnswerReader(services, responses)
        self._votes = VoteReceiver(services, responses)
        self._continuation = Continuation(services)
        self._responses = responses

    async def respond(
        self, incoming: SkillIncoming, press: Press
    ) -> web.StreamResponse | Utterance:
        """The response, or the message that the model gets. Raises StoreDownError."""
        if isinstance(press, PagePress):
            return await self._reader.show_page(incoming, press)
        if isinstance(press, VotePress):
            return await self._votes.receive(incoming, press)
        responses = self._responses.of(incoming.tenant)
        begun = await self._continuation.begin(incoming, press, responses.texts)
        return begun if isinstance(begun, Utterance) else responses.say(begun)
