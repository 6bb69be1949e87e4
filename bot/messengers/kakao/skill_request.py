"""The skill request: every object may be missing or null (kakao.md 1.1)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.domain.deliveries import DeliveryVia, ReplyHandle
from bot.domain.messenger import Incoming, Problem
from bot.domain.turns import Utterance
from bot.http.outbound import allowed, host_of
from bot.messengers.kakao.presses import FETCH_KEY, ContinuePress, PagePress, Press, read_press
from bot.messengers.kakao.settings import KakaoSettings
from bot.messengers.kakao.skill_commands import (
    is_confirmed,
    is_continue_word,
    is_more_word,
    read_command,
)
from bot.messengers.kakao.skill_document import at, text_at
from bot.messengers.kakao.skill_events import (
    callback_url_of,
    command_repeats,
    event_key,
    repeats_of,
    sender_of,
)
from bot.messengers.kakao.skill_pictures import holds_pictures, picture_urls
from bot.messengers.parsing import (
    MessageText,
    held_turn_id,
    identifier,
    json_object,
    read_text,
    utf8,
)

log = structlog.get_logger(__name__)

#: The name of the block that Kakao shows to whom enters the channel.
WELCOME_BLOCK_NAME = "웰컴 블록"


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillIncoming(Incoming):
    """A skill request, read. One of Incoming's four fields is set, or ``press`` or ``welcome``.

    ``draft`` is the message itself beside a command, a press or a problem; ``pressed`` is true
    only for the button that confirms its command.
    """

    press: Press | None = None
    welcome: bool = False  #: the welcome block: the person has entered the channel
    pictures: tuple[str, ...] = ()  #: URLs of a MEDIA problem; their hosts are unchecked

    @property
    def message(self) -> Utterance:
        """The message itself. Raises ValueError where it names no person."""
        message = self.utterance or self.draft
        if message is None:
            raise ValueError("a request without a message")
        return message


def read_request(
    body: bytes, received_at: datetime, settings: KakaoSettings, *, max_chars: int
) -> SkillIncoming:
    """Read a verified request; ``received_at`` is aware UTC.

    Raises Refusal(400) for anything but a JSON object; a missing or null field is an Incoming with
    a problem. ``max_chars``: the maximum length of a text.
    """
    return read_skill(json_object(utf8(body)), received_at, settings, max_chars=max_chars)


def read_skill(
    document: dict[str, Any], received_at: datetime, settings: KakaoSettings, *, max_chars: int
) -> SkillIncoming:
    """The content of the request; never raises."""
    sender = sender_of(document)
    message = read_text(text_at(document, "userRequest", "utterance"), max_chars)
    tenant = identifier(at(document, "bot", "id"))
    incoming = SkillIncoming(sender=sender, tenant=tenant, conversation_key=sender)
    if not sender:
        return replace(incoming, problem=Problem.UNREADABLE)
    if fetch := held_turn_id(at(document, "action", "clientExtra", FETCH_KEY)):
        return replace(incoming, fetch=fetch)
    draft = _utterance(document, incoming, message.text, received_at, settings)
    return _read_meaning(document, incoming, message, draft, settings)


def _read_meaning(
    document: dict[str, Any],
    incoming: SkillIncoming,
    message: MessageText,
    draft: Utterance,
    settings: KakaoSettings,
) -> SkillIncoming:
    """What the person of the request wants."""
    if press := _press(document, message.text):
        return replace(incoming, press=press, draft=draft)
    if command := read_command(document, message.text):
        repeats = command_repeats(document, draft.received_at)
        pressed = is_confirmed(document)
        return replace(incoming, command=command, repeats=repeats, pressed=pressed, draft=draft)
    if _is_welcome(document, settings):
        return replace(incoming, welcome=True)
    if problem := _problem(document, message):
        pictures = picture_urls(document, message.text) if problem is Problem.MEDIA else ()
        return replace(incoming, problem=problem, pictures=pictures, draft=draft)
    return replace(incoming, utterance=draft)


def _press(document: dict[str, Any], text: str) -> Press | None:
    """The press of a button, or the word that stands on it: about the newest answer."""
    press = read_press(at(document, "action", "clientExtra"))
    if press is None and is_continue_word(text):
        return ContinuePress(turn_id=None)
    if press is None and is_more_word(text):
        return PagePress(turn_id=None, page=2)
    return press


def _is_welcome(document: dict[str, Any], settings: KakaoSettings) -> bool:
    block = at(document, "userRequest", "block")
    if settings.welcome_block:
        return at(block, "id") == settings.welcome_block
    return at(block, "name") == WELCOME_BLOCK_NAME


def _problem(document: dict[str, Any], message: MessageText) -> Problem | None:
    if holds_pictures(document, message.text):
        return Problem.MEDIA
    if not isinstance(at(document, "userRequest", "utterance"), str):
        return Problem.UNREADABLE
    return message.problem


def _utterance(
    document: dict[str, Any],
    incoming: Incoming,
    text: str,
    received_at: datetime,
    settings: KakaoSettings,
) -> Utterance:
    return Utterance(
        messenger="kakao",
        tenant=incoming.tenant,
        conversation_key=incoming.conversation_key,
        event_key=event_key(document, received_at),
        sender=incoming.sender,
        text=text,
        reply=_reply_handle(document, incoming.tenant, received_at, settings),
        received_at=received_at,
        repeats=repeats_of(document, text, received_at),
        idle_after_s=settings.idle_hours * 3600 or None,
    )


def _reply_handle(
    document: dict[str, Any], bot_id: str, received_at: datetime, settings: KakaoSettings
) -> ReplyHandle:
    url = callback_url_of(document)
    usable = allowed(url, settings.callback_hosts)
    if url and not usable:
        log.warning("kakao_callback_refused", host=host_of(url))
    callback_budget = timedelta(seconds=settings.callback_budget_s)
    return ReplyHandle(
        via=DeliveryVia.SYNC,
        address={"callback_url": url, "bot_id": bot_id} if usable else {},
        sync_until=received_at + timedelta(seconds=settings.sync_budget_s),
        callback_until=received_at + callback_budget if usable else None,
        expires_at=received_at + timedelta(seconds=settings.hold_s),
    )
