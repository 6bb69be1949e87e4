"""Answers as Kakao's skill responses, version 2.0, within its limits (kakao.md 1.2).

Kakao does not show a bubble over the limit, and may restrict a bot that repeats them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.domain.deliveries import Answer
from bot.messengers.kakao.answer_pages import MAX_BUBBLES, Page, answer_page
from bot.messengers.kakao.quick_replies import (
    MAX_QUICK_REPLIES,
    QuickReply,
    command_replies,
    fetch_reply,
    more_reply,
    quick_reply,
)
from bot.text.catalog import Texts

MAX_BUBBLE_CHARS = 1000


def answer_response(answer: Answer, texts: Texts, *, page: int = 1) -> dict[str, Any]:
    """A page of the answer as one to three bubbles of plain text, with its quick replies.

    A page behind the last one says that there is nothing more to read.
    """
    shown = answer_page(answer.text, page)
    bubbles = _with_notes(shown, answer, texts)
    return _response([_bubble(text) for text in bubbles], _quick_replies(shown, answer, texts))


def sentence_response(
    text: str, texts: Texts, quick_replies: Sequence[QuickReply] | None = None
) -> dict[str, Any]:
    """One of the bot's own sentences as one bubble; without quick replies, the commands'."""
    replies = command_replies(texts) if quick_replies is None else quick_replies
    return _response([_bubble(text)], replies)


def erasure_response(texts: Texts) -> dict[str, Any]:
    """The question before an erasure; only its button erases, no typed word."""
    button = _button(texts.erase_label, {COMMAND_KEY: Command.ERASE.value})
    template = {"outputs": [_bubble(texts.erase_confirm)], "quickReplies": [button]}
    return {"version": "2.0", "template": template}


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


def _quick_replies(page: Page, answer: Answer, texts: Texts) -> list[QuickReply]:
    replies = []
    if answer.hold:
        replies.append(fetch_reply(answer.turn_id, texts.fetch_label))
    elif page.has_next:
        replies.append(more_reply(answer.turn_id, page.number + 1, texts))
    elif answer.truncated:
        replies.append(quick_reply(texts.continue_label))
    replies += [fetch_reply(turn_id, texts.earlier_label) for turn_id in answer.earlier]
    if not (answer.hold or answer.answered):
        replies += command_replies(texts)
    return replies


def _with_notes(page: Page, answer: Answer, texts: Texts) -> list[str]:
    """The bubbles: the AI's notice before the text, the cut note below the text it is about.

    A notice has a bubble of its own if there is one left.
    """
    shown = [*page.pieces] or [texts.failed]
    if page.is_cut:
        shown[-1] += "…"
    if page.is_cut or (answer.truncated and not page.has_next):
        shown[-1] += f"\n\n{texts.cut_note}"
    if answer.ai_notice and page.number == 1:
        shown = _merged([texts.ai_notice], shown)
    if answer.expired:
        shown = _merged(shown, [texts.earlier_expired])
    return shown


def _merged(first: list[str], second: list[str]) -> list[str]:
    """All bubbles; the two that meet are one if they would be too many."""
    if len(first) + len(second) <= MAX_BUBBLES:
        return [*first, *second]
    return [*first[:-1], f"{first[-1]}\n\n{second[0]}", *second[1:]]
