"""Pages of answers for the person who got the answer; nothing is generated or recorded."""

from __future__ import annotations

from aiohttp import web

from bot.conversation.inbox import StoreDownError
from bot.domain.messenger import Incoming
from bot.domain.turns import TurnStatus
from bot.messengers.kakao.answer_pages import answer_page
from bot.messengers.kakao.http_responses import ResponsesByBot
from bot.messengers.kakao.own_turns import find_own_turn
from bot.messengers.kakao.presses import PagePress
from bot.messengers.kakao.turn_response import DATABASE_TIMEOUT_S
from bot.messengers.kakao.words import words_for
from bot.messengers.plugin import Services
from runtime.database import DATABASE_ERRORS
from runtime.timeouts import run_with_timeout

_READABLE = (TurnStatus.ANSWERED, TurnStatus.CANCELLED)


class AnswerReader:
    """Answers presses of the button of an answer's next page."""

    def __init__(self, services: Services, responses: ResponsesByBot) -> None:
        self._database = services.database
        self._sync_window = services.sync_window
        self._responses = responses

    async def show_page(self, incoming: Incoming, press: PagePress) -> web.Response:
        """The page, or a sentence if the person has no such answer. Raises StoreDownError."""
        try:
            return await run_with_timeout(2 * DATABASE_TIMEOUT_S, self._show(incoming, press))
        except DATABASE_ERRORS as error:
            raise StoreDownError from error

    async def _show(self, incoming: Incoming, press: PagePress) -> web.Response:
        responses = self._responses.of(incoming.tenant)
        gone = words_for(responses.texts).page_gone
        turn = await find_own_turn(self._database, press.turn_id, incoming)
        if turn is None or turn.status not in _READABLE or not turn.answer:
            return responses.say(gone)
        answer = await self._sync_window.read(turn.id)
        if not answer_page(answer.text, press.page).pieces:
            return responses.say(gone)
        return responses.show(answer, page=press.page)
