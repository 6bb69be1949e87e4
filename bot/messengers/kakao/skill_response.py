"""Answers as Kakao's skill responses, version 2.0, within its limits (kakao.md 1.2).

Kakao does not show a bubble over the limit, and may restrict a bot that repeats them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.domain.deliveries import Answer
from bot.messengers.kakao.answer_pages import MAX_BUBBLES, Page, answer_page
from bot.messengers.kakao.quick_replies import (
    QuickReply,
    answer_replies,
    bot_reply,
    command_replies,
)
from bot.messengers.kakao.settings import KakaoSettings
from bot.messengers.kakao.words import words_for
from bot.text.catalog import Texts

MAX_BUBBLE_CHARS = 1000
MAX_QUICK_REPLIES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What an operator may switch in every response."""

    operator: bool = False  #: a quick reply calls a human
    footer: bool = False  #: a line below each answer says that an AI wrote it


PLAIN = Style()


def style_of(settings: KakaoSettings) -> Style:
    """The style that the settings ask for."""
    return Style(operator=settings.operator, footer=settings.footer)


def answer_response(
    answer: Answer, texts: Texts, *, page: int = 1, style: Style = PLAIN
) -> dict[str, Any]:
    """A page of the answer as one to three bubbles of plain text, with its quick replies."""
    shown = answer_page(answer.text, page)
    bubbles = _with_notes(shown, answer, texts, style)
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


def human_response(texts: Texts) -> dict[str, Any]:
    """The card whose button calls the channel's staff, and the way back to the bot."""
    button = {"action": "operator", "label": words_for(texts).operator_label}
    card = {"textCard": {"description": texts.human_called, "buttons": [button]}}
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


def _with_notes(page: Page, answer: Answer, texts: Texts, style: Style) -> list[str]:
    """The bubbles: what is to be known first before the text, the cut note below it.

    A note has a bubble of its own if there is one left.
    """
    shown = [*page.pieces] or [texts.failed]
    if page.is_cut:
        shown[-1] += "…"
    if page.is_cut or (answer.truncated and not page.has_next):
        shown[-1] += f"\n\n{texts.cut_note}"
    if style.footer and answer.answered and not answer.hold:
        shown[-1] += f"\n\n{words_for(texts).ai_label}"
    if before := _notes_before(page, answer, texts):
        shown = _joined([before], shown)
    if answer.expired:
        shown = _joined(shown, [texts.earlier_expired])
    return shown


def _notes_before(page: Page, answer: Answer, texts: Texts) -> str:
    if page.number > 1:
        return ""
    notes = [texts.idle_note] if answer.begins_anew else []
    if notice := answer.notice(texts.ai_notice):
        notes.append(notice)
    return "\n".join(notes)


def _joined(first: list[str], second: list[str]) -> list[str]:
    """All bubbles; the two that meet are one if they would be too many."""
    if len(first) + len(second) <= MAX_BUBBLES:
        return [*first, *second]
    return [*first[:-1], f"{first[-1]}\n\n{second[0]}", *second[1:]]
