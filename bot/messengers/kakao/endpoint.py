"""POST /webhooks/kakao: verify, read, receive, acknowledge.

Kakao expects the answer in the response: the answer within the sync budget, else the promise of a
callback, else a button that fetches it.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime

from aiohttp import web

from bot.conversation.accept_batcher import ConversationFullError, HumanAnswersError
from bot.conversation.inbox import StoreDownError, StoreFaultError
from bot.domain.messenger import Command
from bot.http.body import read_body
from bot.messengers.commands import PersonCommands
from bot.messengers.kakao.answer_reader import AnswerReader
from bot.messengers.kakao.held_answers import HeldAnswers
from bot.messengers.kakao.http_responses import confirm_erasure, say, show
from bot.messengers.kakao.settings import KakaoSettings
from bot.messengers.kakao.skill_request import SkillIncoming, read_request, verify_secret
from bot.messengers.kakao.turn_response import TurnResponder
from bot.messengers.plugin import Services
from bot.messengers.problems import problem_sentence
from bot.messengers.sync_response import SyncResponder


class KakaoEndpoint:
    """The skill webhook."""

    def __init__(self, settings: KakaoSettings, services: Services) -> None:
        self._settings = settings
        self._inbox = services.inbox
        self._texts = services.texts
        self._max_chars = services.settings.max_utterance_chars
        responder = SyncResponder(
            services.sync_window, functools.partial(show, texts=services.texts)
        )
        self._turns = TurnResponder(settings, services, responder)
        self._commands = PersonCommands(services, "kakao")
        self._held = HeldAnswers(settings, services, responder)
        self._reader = AnswerReader(services)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one skill request. Raises Refusal for a request that is not Kakao's."""
        received_at = datetime.now(UTC)
        verify_secret(request.headers, self._settings)
        body = await read_body(request)
        incoming = read_request(body, received_at, self._settings, max_chars=self._max_chars)
        try:
            return await self._respond(request, incoming)
        except StoreDownError:
            return say(self._texts.storage_down, self._texts)
        except StoreFaultError:
            return say(self._texts.storage_fault, self._texts)
        except ConversationFullError:
            return say(self._texts.conversation_full, self._texts)
        except HumanAnswersError:
            return say(self._texts.human_answers, self._texts)

    async def _respond(self, request: web.Request, incoming: SkillIncoming) -> web.StreamResponse:
        if incoming.utterance is None:
            return await self._respond_to_non_utterance(request, incoming)
        if sentence := await self._inbox.rejection(incoming.utterance):
            return say(sentence, self._texts)
        return await self._turns.respond(request, incoming.utterance)

    async def _respond_to_non_utterance(
        self, request: web.Request, incoming: SkillIncoming
    ) -> web.StreamResponse:
        """Respond to our button, to a command or to a problem."""
        if incoming.press is not None:
            return await self._reader.show_page(incoming, incoming.press)
        if incoming.fetch is not None:
            return await self._held.fetch(request, incoming, incoming.fetch)
        if incoming.command is Command.FETCH:
            return await self._held.fetch_newest(request, incoming)
        if incoming.command is Command.HELP:
            return say(self._texts.help, self._texts)
        if incoming.command is Command.ERASE and not incoming.pressed:
            return confirm_erasure(self._texts)
        if incoming.command is not None:
            outcome = await self._commands.carry_out(incoming)
            return say(outcome.sentence, self._texts)
        sentence = problem_sentence(incoming.problem, self._texts, max_chars=self._max_chars)
        return say(sentence, self._texts)
