"""Answers as Kakao's skill responses, version 2.0, within its limits (kakao.md 1.2).

Kakao does not show a bubble over the limit, and may restrict a bot that repeats them.
"""

from __future__ import annotations

from itertools import islice
from typing import Any
from uuid import UUID

from bot.domain.deliveries import Answer
from bot.domain.turns import clean_text
from bot.text.catalog import Texts
from bot.text.markdown import plain_text
from bot.text.splitting import split, utf16_units

MAX_BUBBLES = 3
MAX_BUBBLE_CHARS = 1000
MAX_BUTTONS = 10
#: The size of a piece of the answer; the rest of the bubble is for the notes below the last one.
PIECE_CHARS = 900
#: The maximum of parsed Markdown, three times the capacity of three bubbles.
MAX_MARKDOWN_CHARS = 8000
#: The key of a fetch button's ``extra``; Kakao sends it back in action.clientExtra.
FETCH_KEY = "fetch_turn"


def answer_response(answer: Answer, texts: Texts) -> dict[str, Any]:
    """The answer as one to three bubbles of plain text, with a fetch button if it is held."""
    template: dict[str, Any] = {"outputs": [_bubble(text) for text in _bubble_texts(answer, texts)]}
    buttons = [_fetch_button(turn_id, texts.earlier_label) for turn_id in answer.earlier]
    if answer.hold:
        buttons.insert(0, _fetch_button(answer.turn_id, texts.fetch_label))
    if buttons:
        template["quickReplies"] = buttons[:MAX_BUTTONS]
    return {"version": "2.0", "template": template}


def sentence_response(text: str) -> dict[str, Any]:
    """One of the bot's own sentences as one bubble."""
    return {"version": "2.0", "template": {"outputs": [_bubble(text)]}}


def callback_response(texts: Texts) -> dict[str, Any]:
    """The promise of a callback. A template beside ``useCallback`` would use up the turn."""
    return {"version": "2.0", "useCallback": True, "data": {"text": texts.callback_waiting}}


def _bubble(text: str) -> dict[str, Any]:
    return {"simpleText": {"text": text}}


def _fetch_button(turn_id: UUID, label: str) -> dict[str, Any]:
    # The turn is in ``extra``, not in the visible text: any person could type that.
    return {
        "label": label,
        "action": "message",
        "messageText": label,
        "extra": {FETCH_KEY: str(turn_id)},
    }


def _bubble_texts(answer: Answer, texts: Texts) -> list[str]:
    markdown = clean_text(answer.text)
    plain = plain_text(markdown[:MAX_MARKDOWN_CHARS])
    pieces = list(islice(split(plain, PIECE_CHARS, utf16_units), MAX_BUBBLES + 1))
    shown = pieces[:MAX_BUBBLES] or [texts.failed]
    if len(pieces) > MAX_BUBBLES or len(markdown) > MAX_MARKDOWN_CHARS:
        shown[-1] += f"…\n\n{texts.cut_note}"
    notes = [texts.ai_notice] if answer.ai_notice else []
    if answer.expired:
        notes.append(texts.earlier_expired)
    if notes and len(shown) < MAX_BUBBLES:
        shown.append("\n\n".join(notes))
    elif notes:
        shown[-1] = "\n\n".join([shown[-1], *notes])
    return shown
