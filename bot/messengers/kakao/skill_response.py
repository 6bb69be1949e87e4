"""Answers as Kakao's skill responses, version 2.0, within its limits (kakao.md 1.2).

Kakao does not show a bubble over the limit, and may restrict a bot that repeats them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.domain.deliveries import Answer
from bot.messengers.kakao.answer_pages import answer_page
from bot.messengers.kakao.bubbles import PLAIN, Style, answer_bubbles
from bot.messengers.kakao.quick_replies import (
    QuickReply,
    answer_replies,
    bot_reply,
    command_replies,
)
from bot.messengers.kakao.words import words_for
from bot.text.catalog import Texts

MAX_QUICK_REPLIES = 10


def answer_response(
    answer: Answer, texts: Texts, *, page: int = 1, style: Style = PLAIN
) -> dict[str, Any]:
    """A page of the answer as one to three bubbles of plain text, with its quick replies."""
    shown = answer_page(answer.text, page)
    bubbles = answer_bubbles(shown, answer, texts, style)
    replies = answer_replies(answer, shown, texts, operator=style.operator)
    return _response([_bubble(text) for text in bubbles], replies)


def sentence_response(
    text: str,
    texts: Texts,
    quick_replies: Sequence[QuickReply] | None = None,
    *,
    style: Style = PLAIN,
) -> dict[str, Any]:
    """One of the bot's own sentences as one bubble; without quick replies, the commands'."""
    if quick_replies is None:
        quick_replies = command_replies(texts, operator=style.operator)
    return _response([_bubble(text)], quick_replies)


def welcome_response(
    texts: Texts, *, ai_notice: bool, greeting: str = "", style: Style = PLAIN
) -> dict[str, Any]:
    """The greeting of a person who enters the channel; an empty one is Kakao's."""
    notice = [texts.ai_notice] if ai_notice else []
    sentences = [greeting or words_for(texts).welcome, *notice]
    replies = command_replies(texts, operator=style.operator)
    return _response([_bubble(text) for text in sentences], replies)


def human_response(sentence: str, texts: Texts) -> dict[str, Any]:
    """The card whose button calls the channel's staff, and the way back to the bot."""
    button = {"action": "operator", "label": words_for(texts).operator_label}
    card = {"textCard": {"description": sentence, "buttons": [button]}}
    return _response([card], [bot_reply(texts)])


def callback_response(texts: Texts) -> dict[str, Any]:
    """The promise of a callback. A template beside ``useCallback`` would use up the turn."""
    return {"version": "2.0", "useCallback": True, "data": {"text": texts.callback_waiting}}


def _response(outputs: list[dict[str, Any]], quick_replies: Sequence[QuickReply]) -> dict[str, Any]:
    template: dict[str, Any] = {"outputs": outputs}
    if quick_replies:
        template["quickReplies"] = list(quick_replies[:MAX_QUICK_REPLIES])
    return {"version": "2.0", "template": template}


def _bubble(text: str) -> dict[str, Any]:
    return {"simpleText": {"text": text}}
