"""Skill responses as HTTP responses."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from aiohttp import web

from bot.configs.texts import TextsLookup
from bot.domain.deliveries import Answer
from bot.messengers.kakao.bubbles import Style
from bot.messengers.kakao.presses import VotePress
from bot.messengers.kakao.quick_replies import (
    QuickReply,
    command_replies,
    erasure_reply,
    help_replies,
    onward_replies,
    reason_replies,
)
from bot.messengers.kakao.skill_response import (
    answer_response,
    callback_response,
    human_response,
    sentence_response,
    welcome_response,
)
from bot.messengers.kakao.words import words_for
from bot.text.catalog import Texts

_dumps = functools.partial(json.dumps, ensure_ascii=False)


class SkillResponses:
    """The responses of one bot, in its texts and its style."""

    def __init__(self, texts: Texts, style: Style) -> None:
        self.texts = texts
        self._style = style

    def say(self, sentence: str, quick_replies: Sequence[QuickReply] | None = None) -> web.Response:
        """One of the bot's own sentences; without quick replies, the commands'."""
        return _json(sentence_response(sentence, self.texts, quick_replies, style=self._style))

    def show(self, answer: Answer, *, page: int = 1) -> web.Response:
        """A page of the answer as bubbles."""
        return _json(answer_response(answer, self.texts, page=page, style=self._style))

    def hold(self, turn_id: UUID, sentence: str) -> web.Response:
        """A sentence and the button that fetches this turn's answer later."""
        return self.show(Answer(turn_id=turn_id, text=sentence, hold=True))

    def hold_while_off(self, turn_id: UUID, hold_s: float) -> web.Response:
        """The same while no model runs; ``hold_s``: how long the question is kept, in seconds."""
        limit = self.texts.duration(hold_s)
        return self.hold(turn_id, self.texts.worker_down_held.format(limit=limit))

    def promise_callback(self) -> web.Response:
        """The acknowledgement that enables the callback URL."""
        return _json(callback_response(self.texts))

    def help(self) -> web.Response:
        """What the bot does, with every command as a button."""
        replies = help_replies(self.texts, operator=self._style.operator)
        return self.say(self.texts.help, replies)

    def welcome(self, *, ai_notice: bool, greeting: str = "") -> web.Response:
        """The greeting of a person who enters the channel; an empty one is Kakao's."""
        document = welcome_response(
            self.texts, ai_notice=ai_notice, greeting=greeting, style=self._style
        )
        return _json(document)

    def call_human(self) -> web.Response:
        """The card whose button calls the channel's staff."""
        return _json(human_response(words_for(self.texts).human_offered, self.texts))

    def human_answers(self) -> web.Response:
        """The same card while the bot is silent: its button may not have been pressed."""
        return _json(human_response(words_for(self.texts).human_awaited, self.texts))

    def confirm_erasure(self) -> web.Response:
        """The question before everything about the person is erased."""
        return self.say(self.texts.erase_confirm, [erasure_reply(self.texts)])

    def ask_reason(self, press: VotePress) -> web.Response:
        """The question why an answer was bad."""
        return self.say(self.texts.vote_reason, reason_replies(press, self.texts))

    def thank(self, press: VotePress) -> web.Response:
        """The thanks for a vote; the rest of the answer can still be read."""
        commands = command_replies(self.texts, operator=self._style.operator)
        return self.say(self.texts.vote_thanks, [*onward_replies(press, self.texts), *commands])


class ResponsesByBot:
    """The responses of each bot: the database may set other texts for it."""

    def __init__(self, texts_for: TextsLookup, style: Style) -> None:
        self._texts_for = texts_for
        self._style = style

    def of(self, bot_id: str) -> SkillResponses:
        """The responses of this bot as they are set now."""
        return SkillResponses(self._texts_for("kakao", bot_id, ""), self._style)


def _json(document: dict[str, Any]) -> web.Response:
    return web.json_response(document, dumps=_dumps)
