"""Skill responses as HTTP responses."""

from __future__ import annotations

import functools
import json
from uuid import UUID

from aiohttp import web

from bot.domain.deliveries import Answer
from bot.messengers.kakao.skill_response import (
    answer_response,
    callback_response,
    erasure_response,
    sentence_response,
)
from bot.text.catalog import Texts

_dumps = functools.partial(json.dumps, ensure_ascii=False)


def say(sentence: str, texts: Texts) -> web.Response:
    """One of the bot's own sentences, with the buttons of the commands."""
    return web.json_response(sentence_response(sentence, texts), dumps=_dumps)


def confirm_erasure(texts: Texts) -> web.Response:
    """The question before everything about the person is erased."""
    return web.json_response(erasure_response(texts), dumps=_dumps)


def promise_callback(texts: Texts) -> web.Response:
    """The acknowledgement that enables the callback URL."""
    return web.json_response(callback_response(texts), dumps=_dumps)


def hold(turn_id: UUID, sentence: str, texts: Texts) -> web.Response:
    """A sentence and the button that fetches this turn's answer later."""
    return show(Answer(turn_id=turn_id, text=sentence, hold=True), texts)


def show(answer: Answer, texts: Texts, *, page: int = 1) -> web.Response:
    """A page of the answer as bubbles."""
    return web.json_response(answer_response(answer, texts, page=page), dumps=_dumps)
