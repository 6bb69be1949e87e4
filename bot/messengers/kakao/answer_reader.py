"""Pages of answers for the person who got the answer; nothing is generated or recorded."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from bot.conversation.inbox import StoreDownError
from bot.domain.turns import TurnStatus, Utterance
from bot.messengers.kakao.answer_pages import answer_page
from bot.messengers.kakao.http_responses import ResponsesByBot
from bot.messengers.kakao.own_turns import find_own_turn
from bot.messengers.kakao.presses import PagePress
from bot.messengers.kakao.skill_request import SkillIncoming
from bot.messengers.kakao.turn_response import DATABASE_TIMEOUT_S
from bot.messengers.kakao.words import words_for
from bot.messengers.plugin import Services
from bot.store.conversations import ConversationKey
from runtime.database import DATABASE_ERRORS
from runtime.timeouts import run_with_timeout

_READABLE = (TurnStatus.ANSWERED, TurnStatus.CANCELLED)


class AnswerReader:
    """Answers presses of the button of an answer's next page, and the word that stands on it."""

    def __init__(self, services: Services, responses: ResponsesByBot) -> None:
        self._database = services.database
        self._requests = services.requests
        self._sync_window = services.sync_window
        self._responses = responses

    async def show_page(
        self, incoming: SkillIncoming, press: PagePress
    ) -> web.Response | Utterance:
        """The page, or a sentence if the person has no such answer.

        The typed word is an ordinary message if the newest answer has no such page. Raises
        StoreDownError.
        """
        try:
            page = await run_with_timeout(2 * DATABASE_TIMEOUT_S, self._find(incoming, press))
        except DATABASE_ERRORS as error:
            raise StoreDownError from error
        if page is not None:
            return page
        if press.turn_id is None:
            return incoming.message
        responses = self._responses.of(incoming.tenant)
        return responses.say(words_for(responses.texts).page_gone)

    async def _find(self, incoming: SkillIncoming, press: PagePress) -> web.Response | None:
        turn_id = press.turn_id or await self._newest(incoming)
        turn = await find_own_turn(self._database, turn_id, incoming) if turn_id else None
        if turn is None or turn.status not in _READABLE or not turn.answer:
            return None
        answer = await self._sync_window.read(turn.id)
        if not answer_page(answer.text, press.page).pieces:
            return None
        return self._responses.of(incoming.tenant).show(answer, page=press.page)

    async def _newest(self, incoming: SkillIncoming) -> UUID | None:
        key = ConversationKey(
            messenger="kakao", tenant=incoming.tenant, key=incoming.conversation_key
        )
        newest = await self._requests.newest_turn(key)
        return newest.id if newest else None
