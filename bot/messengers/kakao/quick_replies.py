"""Quick replies: the buttons below the bubbles, gone with the next message.

Pressed, each is a message of the person: its visible text is the label, and what it means travels
in ``extra``.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from bot.domain.messenger import Command
from bot.messengers.kakao.presses import COMMAND_KEY, FETCH_KEY, Extra, PagePress
from bot.messengers.kakao.words import words_for
from bot.text.catalog import Texts

MAX_QUICK_REPLIES = 10

QuickReply = dict[str, Any]


def quick_reply(label: str, extra: Extra | None = None) -> QuickReply:
    """A quick reply with its payload."""
    button = {"label": label, "action": "message", "messageText": label}
    return button | {"extra": extra} if extra else button


def fetch_reply(turn_id: UUID, label: str) -> QuickReply:
    """Fetches a held answer."""
    return quick_reply(label, {FETCH_KEY: str(turn_id)})


def more_reply(turn_id: UUID, page: int, texts: Texts) -> QuickReply:
    """Shows a page of an answer."""
    return quick_reply(words_for(texts).more_label, PagePress(turn_id=turn_id, page=page).extra())


def command_replies(texts: Texts) -> list[QuickReply]:
    """The commands below each of the bot's own sentences."""
    return [
        quick_reply(texts.reset_label, {COMMAND_KEY: Command.RESET.value}),
        quick_reply(texts.help_label, {COMMAND_KEY: Command.HELP.value}),
    ]
