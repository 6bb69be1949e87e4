"""The skill request: every object may be missing or null (kakao.md 1.1)."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.domain.deliveries import DeliveryVia, ReplyHandle
from bot.domain.messenger import COMMAND_WORDS, Command, Incoming, Problem, Refusal
from bot.domain.turns import RepeatWindow, Utterance
from bot.http.outbound import MAX_URL_CHARS, allowed, host_of
from bot.messengers.kakao.presses import COMMAND_KEY, FETCH_KEY, Press, read_press
from bot.messengers.kakao.settings import KakaoSettings
from bot.messengers.parsing import (
    MessageText,
    digest,
    held_turn_id,
    identifier,
    json_object,
    read_text,
    utf8,
)
from bot.text.catalog import TEXTS

log = structlog.get_logger(__name__)

#: Kakao signs nothing: the secret is a fixed header entered in the skill's form.
SECRET_HEADER = "X-Bot-Secret"  # noqa: S105 - the name, not the secret
#: The window in which the same text of the same person counts as one message.
REPEAT_WINDOW = timedelta(seconds=2)
#: A longer text is hardly written again on purpose right after its answer.
MAX_SHORT_CHARS = 8
#: Longer than a callback URL lives by any of Kakao's guides.
CALLBACK_WINDOW = timedelta(minutes=10)

#: The maximum length of a message that can be a command.
MAX_WORD_CHARS = 20

# A photo arrives as the URL of its file, in place of the text.
_URL = re.compile(r"https?://(\S+)", re.IGNORECASE)
_PICTURE_HOSTS = (".kakaocdn.net", ".talk.kakao.com")
_PICTURE_FILES = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".heic")


def _words() -> dict[str, Command]:
    """The typed commands without spaces: those of every messenger, and the labels of buttons."""
    words = dict(COMMAND_WORDS)
    for texts in TEXTS.values():
        words[texts.fetch_label] = words[texts.earlier_label] = Command.FETCH
        words[texts.reset_label] = Command.RESET
        words[texts.help_label] = Command.HELP
    return {_unspaced(word): command for word, command in words.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillIncoming(Incoming):
    """A skill request, read: one of Incoming's fields is set, or ``press``."""

    press: Press | None = None


def verify_secret(headers: Mapping[str, str], settings: KakaoSettings) -> None:
    """Raise Refusal(401) unless the request carries one of our secrets."""
    given = headers.get(SECRET_HEADER, "").encode("utf-8", "surrogatepass")
    accepted = [
        hmac.compare_digest(given, secret.encode("utf-8", "surrogatepass"))
        for secret in settings.secrets
    ]
    if not any(accepted):
        raise Refusal(401, "wrong or missing secret")


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
    sender = _user(document)
    message = read_text(_text(document, "userRequest", "utterance"), max_chars)
    tenant = identifier(_at(document, "bot", "id"))
    incoming = SkillIncoming(sender=sender, tenant=tenant, conversation_key=sender)
    if not sender:
        return replace(incoming, problem=Problem.UNREADABLE)
    if fetch := held_turn_id(_at(document, "action", "clientExtra", FETCH_KEY)):
        return replace(incoming, fetch=fetch)
    if press := read_press(_at(document, "action", "clientExtra")):
        return replace(incoming, press=press)
    if command := _command(document, message.text):
        pressed = bool(_text(document, "action", "clientExtra", COMMAND_KEY))
        repeats = _command_repeats(document, received_at)
        return replace(incoming, command=command, repeats=repeats, pressed=pressed)
    if problem := _problem(document, message):
        return replace(incoming, problem=problem)
    utterance = Utterance(
        messenger="kakao",
        tenant=tenant,
        conversation_key=sender,
        event_key=_event_key(document, received_at),
        sender=sender,
        text=message.text,
        reply=_reply_handle(document, received_at, settings),
        received_at=received_at,
        repeats=_repeats(document, message.text, received_at),
    )
    return replace(incoming, utterance=utterance)


def _at(document: object, *path: str) -> object:
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _text(document: dict[str, Any], *path: str) -> str:
    value = _at(document, *path)
    return value if isinstance(value, str) else ""


def _user(document: dict[str, Any]) -> str:
    user = _at(document, "userRequest", "user")
    return identifier(_at(user, "id")) or identifier(_at(user, "properties", "botUserKey"))


def _command(document: dict[str, Any], text: str) -> Command | None:
    """The command in a button's ``extra``, or in a message that is its word alone.

    The word may have a "/" before it. The buttons are gone with the next message, and nobody
    types a "/" to a person.
    """
    word = _text(document, "action", "clientExtra", COMMAND_KEY)
    if word:
        return _PRESSED.get(word.casefold())
    if len(text) > MAX_WORD_CHARS:
        return None
    return _WORDS.get(_unspaced(text.removeprefix("/")))


def _unspaced(word: str) -> str:
    """Koreans set spaces freely: 새대화 is 새 대화."""
    return "".join(word.casefold().split())


def _problem(document: dict[str, Any], message: MessageText) -> Problem | None:
    if _holds_media(document, message.text):
        return Problem.MEDIA
    if not isinstance(_at(document, "userRequest", "utterance"), str):
        return Problem.UNREADABLE
    return message.problem


def _holds_media(document: dict[str, Any], text: str) -> bool:
    """A photo (three signs of it were seen), or the answer of the secure-image plugin."""
    if _at(document, "userRequest", "params", "media"):
        return True
    if len(text) <= MAX_URL_CHARS and _is_picture_url(text):
        return True
    if _at(document, "flow", "trigger", "type") == "IMAGE_UPLOAD":
        return True
    params = _at(document, "action", "params")
    values = params.values() if isinstance(params, dict) else ()
    return any(isinstance(value, str) and '"secureUrls"' in value for value in values)


def _is_picture_url(text: str) -> bool:
    url = _URL.fullmatch(text)
    if url is None:
        return False
    host, _, path = url[1].lower().partition("/")
    if path and host.endswith(_PICTURE_HOSTS):
        return True
    return any(part.endswith(_PICTURE_FILES) for part in url[1].lower().split("?"))


def _event_key(document: dict[str, Any], received_at: datetime) -> str:
    """The key of the event, to which Kakao gives no id: by its callback URL, unique per message."""
    if url := _callback_url(document):
        return digest("callback", url)
    return digest("words", *_who_and_what(document), received_at.isoformat())


def _repeats(document: dict[str, Any], text: str, received_at: datetime) -> RepeatWindow | None:
    """The window of an event without a callback URL: a double tap, or a proxy's retry.

    Kakao itself has not been seen to repeat a request, so the window is short: a person may well
    write "응" twice, and once the first was answered, the second is meant.
    """
    if _callback_url(document):
        return None
    return RepeatWindow(
        key=digest("words", *_who_and_what(document)),
        received_at=received_at,
        until=received_at + REPEAT_WINDOW,
        ends_when_delivered=len(text) <= MAX_SHORT_CHARS,
    )


def _command_repeats(document: dict[str, Any], received_at: datetime) -> RepeatWindow:
    """The window of a command: its callback URL is used once."""
    if url := _callback_url(document):
        key, lasts = digest("callback", url), CALLBACK_WINDOW
    else:
        key, lasts = digest("words", *_who_and_what(document)), REPEAT_WINDOW
    return RepeatWindow(key=key, received_at=received_at, until=received_at + lasts)


def _who_and_what(document: dict[str, Any]) -> tuple[str, str, str]:
    words, bot = _text(document, "userRequest", "utterance"), _text(document, "bot", "id")
    return _user(document), words, bot


def _callback_url(document: dict[str, Any]) -> str:
    """The callback URL, without the console tester's dummy ("cbtest:")."""
    url = _text(document, "userRequest", "callbackUrl")
    return "" if re.search("cbtest(?::|%3a)", url, re.IGNORECASE) else url


def _reply_handle(
    document: dict[str, Any], received_at: datetime, settings: KakaoSettings
) -> ReplyHandle:
    url = _callback_url(document)
    usable = allowed(url, settings.callback_hosts)
    if url and not usable:
        log.warning("kakao_callback_refused", host=host_of(url))
    callback_budget = timedelta(seconds=settings.callback_budget_s)
    return ReplyHandle(
        via=DeliveryVia.SYNC,
        address={"callback_url": url} if usable else {},
        sync_until=received_at + timedelta(seconds=settings.sync_budget_s),
        callback_until=received_at + callback_budget if usable else None,
        expires_at=received_at + timedelta(seconds=settings.hold_s),
    )


#: The values of buttons; the words too, which guides have told operators to enter.
_PRESSED = COMMAND_WORDS | {command.value: command for command in Command}
_WORDS = _words()
