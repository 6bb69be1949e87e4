"""POST /webhooks/kakao: verify, read, receive, acknowledge.

Kakao expects the answer in the response: the answer within the sync budget, else the promise of a
callback, else a button that fetches it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web

from bot.conversation.accept_batcher import ConversationFullError, HumanAnswersError
from bot.conversation.inbox import StoreDownError, StoreFaultError
from bot.domain.messenger import Command, Problem
from bot.domain.turns import Utterance
from bot.http.body import read_body
from bot.messengers.kakao.command_responder import CommandResponder
from bot.messengers.kakao.held_answers import HeldAnswers
from bot.messengers.kakao.http_responses import SkillResponses
from bot.messengers.kakao.press_responder import PressResponder
from bot.messengers.kakao.settings import KakaoSettings
from bot.messengers.kakao.skill_request import SkillIncoming, read_request
from bot.messengers.kakao.skill_response import style_of
from bot.messengers.kakao.skill_secrets import bots_of_secret, check_bot
from bot.messengers.kakao.turn_response import TurnResponder
from bot.messengers.kakao.words import words_for
from bot.messengers.plugin import Services
from bot.messengers.problems import problem_sentence
from bot.messengers.sync_response import SyncResponder


class KakaoEndpoint:
    """The skill webhook."""

    def __init__(self, settings: KakaoSettings, services: Services) -> None:
        self._settings = settings
        self._inbox = services.inbox
        self._responses = SkillResponses(services.texts, style_of(settings))
        self._settings_of_bot = services.settings
        responder = SyncResponder(services.sync_window, self._responses.show)
        self._turns = TurnResponder(settings, services, responder, self._responses)
        self._held = HeldAnswers(settings, services, responder, self._responses)
        self._commands = CommandResponder(services, self._responses)
        self._presses = PressResponder(services, self._responses)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one skill request. Raises Refusal for a request that is not Kakao's."""
        received_at = datetime.now(UTC)
        bots = bots_of_secret(request.headers, self._settings)
        body = await read_body(request)
        max_chars = self._settings_of_bot.max_utterance_chars
        incoming = read_request(body, received_at, self._settings, max_chars=max_chars)
        check_bot(bots, incoming.tenant, self._settings)
        texts = self._responses.texts
        try:
            return await self._respond(request, incoming)
        except StoreDownError:
            return self._responses.say(texts.storage_down)
        except StoreFaultError:
            return self._responses.say(texts.storage_fault)
        except ConversationFullError:
            return self._responses.say(texts.conversation_full)
        except HumanAnswersError:
            return self._responses.human_answers()

    async def _respond(self, request: web.Request, incoming: SkillIncoming) -> web.StreamResponse:
        outcome = incoming.utterance or await self._respond_or_ask(request, incoming)
        if not isinstance(outcome, Utterance):
            return outcome
        if sentence := await self._inbox.rejection(outcome):
            return self._responses.say(sentence)
        return await self._turns.respond(request, outcome)

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
        return self._respond_to_problem(incoming)

    def _respond_to_problem(self, incoming: SkillIncoming) -> web.StreamResponse:
        """Respond to what is no question: somebody who enters, a picture, an unreadable message."""
        if incoming.welcome:
            return self._responses.welcome(ai_notice=self._settings_of_bot.ai_notice)
        texts, max_chars = self._responses.texts, self._settings_of_bot.max_utterance_chars
        if incoming.problem is Problem.MEDIA:
            return self._responses.say(words_for(texts).picture_declined)
        return self._responses.say(problem_sentence(incoming.problem, texts, max_chars=max_chars))
