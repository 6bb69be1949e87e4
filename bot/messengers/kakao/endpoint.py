"""POST /webhooks/kakao: verify, read, receive, acknowledge.

Kakao expects the answer in the response: the answer within the sync budget, else the promise of a
callback, else a button that fetches it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from aiohttp import web

from bot.conversation.accept_batcher import ConversationFullError, HumanAnswersError
from bot.conversation.inbox import StoreDownError, StoreFaultError
from bot.domain.messenger import Command, Problem
from bot.domain.turns import Utterance
from bot.http.body import read_body
from bot.http.picture_scaling import PictureError
from bot.messengers.kakao.bubbles import style_of
from bot.messengers.kakao.command_responder import CommandResponder
from bot.messengers.kakao.held_answers import HeldAnswers
from bot.messengers.kakao.http_responses import ResponsesByBot
from bot.messengers.kakao.picture_receiver import PictureReceiver, picture_sentence
from bot.messengers.kakao.press_responder import PressResponder
from bot.messengers.kakao.settings import KakaoSettings
from bot.messengers.kakao.skill_request import SkillIncoming, read_request
from bot.messengers.kakao.skill_secrets import bots_of_secret, check_bot
from bot.messengers.kakao.turn_response import TurnResponder
from bot.messengers.kakao.words import words_for
from bot.messengers.plugin import Services
from bot.messengers.problems import problem_sentence


class KakaoEndpoint:
    """The skill webhook."""

    def __init__(self, settings: KakaoSettings, services: Services) -> None:
        self._settings = settings
        self._inbox = services.inbox
        self._services = services
        self._responses = ResponsesByBot(services.texts_for, style_of(settings))
        self._turns = TurnResponder(settings, services, self._responses)
        self._held = HeldAnswers(settings, services, self._responses)
        self._commands = CommandResponder(services, self._responses)
        self._presses = PressResponder(services, self._responses)
        self._pictures = PictureReceiver(settings, services)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one skill request. Raises Refusal for a request that is not Kakao's."""
        received_at = datetime.now(UTC)
        bots = bots_of_secret(request.headers, self._settings)
        body = await read_body(request)
        max_chars = self._services.settings.max_utterance_chars
        incoming = read_request(body, received_at, self._settings, max_chars=max_chars)
        check_bot(bots, incoming.tenant, self._settings)
        responses = self._responses.of(incoming.tenant)
        try:
            return await self._respond(request, incoming)
        except StoreDownError:
            return responses.say(responses.texts.storage_down)
        except StoreFaultError:
            return responses.say(responses.texts.storage_fault)
        except ConversationFullError:
            return responses.say(responses.texts.conversation_full)
        except HumanAnswersError:
            return responses.human_answers()

    async def _respond(self, request: web.Request, incoming: SkillIncoming) -> web.StreamResponse:
        outcome = incoming.utterance or await self._respond_or_ask(request, incoming)
        if not isinstance(outcome, Utterance):
            return outcome
        responses = self._responses.of(incoming.tenant)
        if sentence := await self._inbox.rejection(outcome):
            return responses.say(sentence)
        try:
            pictures = await self._pictures.fetch(incoming.pictures) if outcome.media else ()
        except PictureError as error:
            return responses.say(picture_sentence(error.problem, words_for(responses.texts)))
        return await self._turns.respond(request, replace(outcome, pictures=pictures))

    async def _respond_or_ask(
        self, request: web.Request, incoming: SkillIncoming
    ) -> web.StreamResponse | Utterance:
        """Respond to a button, a command or a problem; or the message that the model gets."""
        if incoming.fetch is not None:
            return await self._held.fetch(request, incoming, incoming.fetch)
        if incoming.command is Command.FETCH:
            return await self._held.fetch_newest(request, incoming)
        if incoming.press is not None:
            return await self._presses.respond(incoming, incoming.press)
        if incoming.command is not None:
            return await self._commands.respond(incoming, incoming.command)
        texts = self._responses.of(incoming.tenant).texts
        if message := self._pictures.message(incoming, texts):
            sentence = self._pictures.too_many(incoming.pictures, words_for(texts))
            return self._responses.of(incoming.tenant).say(sentence) if sentence else message
        return await self._respond_to_problem(incoming)

    async def _respond_to_problem(self, incoming: SkillIncoming) -> web.StreamResponse:
        """Respond to what is no question: somebody who enters, a picture, an unreadable message."""
        responses, settings = self._responses.of(incoming.tenant), self._services.settings
        if await self._commands.human_answers(incoming):
            return responses.human_answers()
        texts, own = responses.texts, self._services.config_for("kakao", incoming.tenant, "").values
        if incoming.welcome:
            notice = settings.ai_notice if own.ai_notice is None else own.ai_notice
            return responses.welcome(ai_notice=notice, greeting=own.texts.get("welcome", ""))
        if incoming.problem is Problem.MEDIA and self._pictures.can_see:
            return responses.say(words_for(texts).picture_unreachable)
        if incoming.problem is Problem.MEDIA and "media_unsupported" not in own.texts:
            return responses.say(words_for(texts).picture_declined)
        max_chars = settings.max_utterance_chars
        return responses.say(problem_sentence(incoming.problem, texts, max_chars=max_chars))
