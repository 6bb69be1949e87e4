"""Parsing shared by all messengers: UTF-8, JSON, ids, texts."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from bot.domain.messenger import Problem, Refusal
from bot.domain.turns import clean_text, has_visible

#: The maximum length of an id stored unhashed: Kakao's documented maximum for user keys.
MAX_IDENTIFIER_CHARS = 70

#: Of a body, those in its texts included: a megabyte of lists takes a tenth of a second to read.
MAX_BRACKETS = 100_000
#: Begins the stored form of a hashed id. Ids that begin so are hashed too: no id is another's hash.
_HASHED = "sha256:"
#: Code points of one syllable of Hangul as macOS and iOS send it.
MAX_JAMO = 3


def held_turn_id(raw: object) -> UUID | None:
    """The turn of a fetch button; None for a value that is none of ours."""
    try:
        return UUID(raw) if isinstance(raw, str) else None
    except ValueError:
        return None


def utf8(body: bytes) -> str:
    """The body as text; raises Refusal(400) if it is not UTF-8."""
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise Refusal(400, "the body is not UTF-8") from None


def json_object(text: str) -> dict[str, Any]:
    """The JSON object in ``text``; raises Refusal(400) for anything else, however deep."""
    if text.count("[") + text.count("{") > MAX_BRACKETS:
        raise Refusal(400, "the body has too many brackets")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise Refusal(400, "the body is not valid JSON") from None
    if not isinstance(document, dict):
        raise Refusal(400, "the body is not a JSON object")
    return document


def digest(*parts: str) -> str:
    """The key of any texts, lone surrogates included: 64 hex digits."""
    exact = json.dumps(parts).encode("ascii")
    return hashlib.sha256(exact).hexdigest()


def identifier(raw: object) -> str:
    """The stored form of an id: unchanged, or hashed if it is long or holds odd characters.

    No two ids have the same form. Anything but a text counts as absent: the empty id.
    """
    if not isinstance(raw, str):
        return ""
    storable = (
        len(raw) <= MAX_IDENTIFIER_CHARS
        and not raw.startswith(_HASHED)
        and raw.isprintable()
        and raw == clean_text(raw)
    )
    return raw if storable else _HASHED + digest(raw)


def joined(*parts: str, by: str) -> str:
    """The parts in one key, ``by`` (one character) between them; no other parts give this key.

    A backslash marks ``by`` and the backslash inside a part; other parts stay as they are.
    """
    return by.join(part.replace("\\", "\\\\").replace(by, f"\\{by}") for part in parts)


@dataclass(frozen=True, slots=True)
class MessageText:
    """A person's text, cleaned, and the reason why it cannot be answered, if any."""

    text: str
    problem: Problem | None


def read_text(raw: str, max_chars: int) -> MessageText:
    """Clean a person's text of at most ``max_chars``.

    A text that is too long however it is normalized is not looked at: it counts as empty.
    """
    trimmed = raw.strip()
    if len(trimmed) > max_chars * MAX_JAMO:
        return MessageText("", Problem.TOO_LONG)
    text = clean_text(trimmed)
    if len(text) > max_chars:
        return MessageText(text, Problem.TOO_LONG)
    return MessageText(text, None if has_visible(text) else Problem.EMPTY)
