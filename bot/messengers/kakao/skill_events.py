"""How repeats of a skill request are recognized, to which Kakao gives no id and no time."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from bot.domain.turns import RepeatWindow
from bot.messengers.kakao.skill_document import at, text_at
from bot.messengers.parsing import digest, identifier

#: The window in which the same text of the same person counts as one message.
REPEAT_WINDOW = timedelta(seconds=2)
#: A longer text is hardly written again on purpose right after its answer.
MAX_SHORT_CHARS = 8
#: Longer than a callback URL lives by any of Kakao's guides.
CALLBACK_WINDOW = timedelta(minutes=10)


def sender_of(document: dict[str, Any]) -> str:
    """The bot user key; "" where the request names no person."""
    user = at(document, "userRequest", "user")
    return identifier(at(user, "id")) or identifier(at(user, "properties", "botUserKey"))


def callback_url_of(document: dict[str, Any]) -> str:
    """The callback URL, without the console tester's dummy ("cbtest:")."""
    url = text_at(document, "userRequest", "callbackUrl")
    return "" if re.search("cbtest(?::|%3a)", url, re.IGNORECASE) else url


def event_key(document: dict[str, Any], received_at: datetime) -> str:
    """The key of the event: by its callback URL, unique per message, else by its time."""
    if url := callback_url_of(document):
        return digest("callback", url)
    return digest("words", *_who_and_what(document), received_at.isoformat())


def repeats_of(document: dict[str, Any], text: str, received_at: datetime) -> RepeatWindow | None:
    """The window of an event without a callback URL: a double tap, or a proxy's retry.

    Kakao itself has not been seen to repeat a request, so the window is short: a person may well
    write "응" twice, and once the first was answered, the second is meant.
    """
    if callback_url_of(document):
        return None
    return RepeatWindow(
        key=digest("words", *_who_and_what(document)),
        received_at=received_at,
        until=received_at + REPEAT_WINDOW,
        ends_when_delivered=len(text) <= MAX_SHORT_CHARS,
    )


def command_repeats(document: dict[str, Any], received_at: datetime) -> RepeatWindow:
    """The window of a command: its callback URL is used once."""
    if url := callback_url_of(document):
        key, lasts = digest("callback", url), CALLBACK_WINDOW
    else:
        key, lasts = digest("words", *_who_and_what(document)), REPEAT_WINDOW
    return RepeatWindow(key=key, received_at=received_at, until=received_at + lasts)


def _who_and_what(document: dict[str, Any]) -> tuple[str, str, str]:
    words, bot = text_at(document, "userRequest", "utterance"), text_at(document, "bot", "id")
    return sender_of(document), words, bot
