"""Answers as Kakao's skill responses, version 2.0, within its limits (kakao.md 1.2).

Kakao does not show a bubble over the limit, and may restrict a bot that repeats them.
"""

from __future__ import annotations

from itertools import islice
from typing import Any
from uuid import UUID

from bot.domain.deliveries import Answer
from bot.domain.messenger import Command
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
#: The key of a command's word in ``extra``.
COMMAND_KEY = "command"


def answer_response(answer: Answer, texts: Texts) -> dict[str, Any]:
    """The answer as one to three bubbles of plain text, with a fetch button if it is held."""
    pieces, is_cut = _pieces(answer, texts)
    bubbles = _with_notes(pieces, answer, texts, is_cut=is_cut)
    template: dict[str, Any] = {"outputs": [_bubble(text) for text in bubbles]}
    buttons = [_fetch_button(turn_id, texts.earlier_label) for turn_id in answer.earlier]
    if answer.hold:
        buttons.insert(0, _fetch_button(answer.turn_id, texts.fetch_label))
    elif not answer.answered:
        buttons += _command_buttons(texts)
    if answer.truncated and not is_cut:
        # Below a cut answer it would continue behind what the person has not seen.
        buttons.insert(0, _button(texts.continue_label))
    if buttons:
        template["quickReplies"] = buttons[:MAX_BUTTONS]
    return {"version": "2.0", "template": template}


def sentence_response(text: str, texts: Texts) -> dict[str, Any]:
    """One of the bot's own sentences as one bubble, with the buttons of the commands."""
    template = {"outputs": [_bubble(text)], "quickReplies": _command_buttons(texts)}
    return {"version": "2.0", "template": template}


def erasure_response(texts: Texts) -> dict[str, Any]:
    """The question before an erasure; only its button erases, no typed word."""
    button = _button(texts.erase_label, {COMMAND_KEY: Command.ERASE.value})
    template = {"outputs": [_bubble(texts.erase_confirm)], "quickReplies": [button]}
    return {"version": "2.0", "template": template}


def callback_response(texts: Texts) -> dict[str, Any]:
    """The promise of a callback. A template beside ``useCallback`` would use up the turn."""
    return {"version": "2.0", "useCallback": True, "data": {"text": texts.callback_waiting}}


def _bubble(text: str) -> dict[str, Any]:
    return {"simpleText": {"text": text}}


def _fetch_button(turn_id: UUID, label: str) -> dict[str, Any]:
    # The turn is in ``extra``, not in the visible text: any person could type that.
    return _button(label, {FETCH_KEY: str(turn_id)})


def _command_buttons(texts: Texts) -> list[dict[str, Any]]:
    return [
        _button(texts.reset_label, {COMMAND_KEY: Command.RESET.value}),
        _button(texts.help_label, {COMMAND_KEY: Command.HELP.value}),
    ]


def _button(label: str, extra: dict[str, str] | None = None) -> dict[str, Any]:
    """A quick reply: pressed, it is a message of the person."""
    button = {"label": label, "action": "message", "messageText": label}
    return button | {"extra": extra} if extra else button


def _pieces(answer: Answer, texts: Texts) -> tuple[list[str], bool]:
    """The text of each bubble, and whether the answer is cut to fit them."""
    markdown = clean_text(answer.text)
    plain = plain_text(markdown[:MAX_MARKDOWN_CHARS])
    pieces = list(islice(split(plain, PIECE_CHARS, utf16_units), MAX_BUBBLES + 1))
    is_cut = len(pieces) > MAX_BUBBLES or len(markdown) > MAX_MARKDOWN_CHARS
    return pieces[:MAX_BUBBLES] or [texts.failed], is_cut


def _with_notes(pieces: list[str], answer: Answer, texts: Texts, *, is_cut: bool) -> list[str]:
    """The bubbles: the cut note below the text it is about, the others in their own if it fits."""
    shown = [*pieces]
    if is_cut:
        shown[-1] += "…"
    if is_cut or answer.truncated:
        shown[-1] += f"\n\n{texts.cut_note}"
    notes = [notice] if (notice := answer.notice(texts.ai_notice)) else []
    if answer.expired:
        notes.append(texts.earlier_expired)
    if notes and len(shown) < MAX_BUBBLES:
        shown.append("\n\n".join(notes))
    elif notes:
        shown[-1] = "\n\n".join([shown[-1], *notes])
    return shown
