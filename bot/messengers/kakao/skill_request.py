"""The skill request: every object may be missing or null (kakao.md 1.1)."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.domain.deliveries import DeliveryVia, ReplyHandle
from bot.domain.messenger import COMMAND_WORDS, Command, Incoming, Problem, Refusal
from bot.domain.turns import Utterance, clean_text
from bot.http.outbound import MAX_URL_CHARS, allowed, host_of
from bot.messengers.kakao.settings import KakaoSettings
from bot.messengers.kakao.skill_response import FETCH_KEY
from bot.messengers.parsing import digest, held_turn_id, identifier, json_object, text_problem, utf8

log = structlog.get_logger(__name__)

#: Kakao signs nothing: the secret is a fixed header entered in the skill's form.
SECRET_HEADER = "X-Bot-Secret"  # noqa: S105 - the name, not the secret
#: The window in which the same text of the same person counts as one message.
REPEAT_WINDOW_S = 2

# A photo arrives as the URL of its file, in place of the text.
_PICTURE_URL = re.compile(
    r"https?://(?:[\w.-]+\.(?:kakaocdn\.net|talk\.kakao\.com)/\S+"
    r"|\S+\.(?:jpe?g|png|gif|webp|heic)(?:\?\S*)?)",
    re.IGNORECASE,
)


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
) -> Incoming:
    """Read a verified request; ``received_at`` is aware UTC.

    Raises Refusal(400) for anything but a JSON object; a missing or null field is an Incoming with
    a problem. ``max_chars``: the maximum length of a text.
    """
    return read_skill(json_object(utf8(body)), received_at, settings, max_chars=max_chars)


def read_skill(
    document: dict[str, Any], received_at: datetime, settings: KakaoSettings, *, max_chars: int
) -> Incoming:
    """The content of the request; never raises."""
    sender = _user(document)
    text = clean_text(_text(document, "userRequest", "utterance"))
    tenant = identifier(_at(document, "bot", "id"))
    incoming = Incoming(sender=sender, tenant=tenant, conversation_key=sender)
    if not sender:
        return replace(incoming, problem=Problem.UNREADABLE)
    if fetch := held_turn_id(_at(document, "action", "clientExtra", FETCH_KEY)):
        return replace(incoming, fetch=fetch)
    if command := _command(document, text):
        return replace(incoming, command=command)
    if problem := _problem(document, text, max_chars):
        return replace(incoming, problem=problem)
    utterance = Utterance(
        messenger="kakao",
        tenant=tenant,
        conversation_key=sender,
        event_key=_event_key(document, received_at),
        sender=sender,
        text=text,
        reply=_reply_handle(document, received_at, settings),
        received_at=received_at,
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
    """The command in a button's ``extra``, or in a message that is a "/" and the word only."""
    word = _text(document, "action", "clientExtra", "command")
    if not word and text.startswith("/"):
        word = text[1:]
    return COMMAND_WORDS.get(word.casefold())


def _problem(document: dict[str, Any], text: str, max_chars: int) -> Problem | None:
    if _holds_media(document, text):
        return Problem.MEDIA
    if not isinstance(_at(document, "userRequest", "utterance"), str):
        return Problem.UNREADABLE
    return text_problem(text, max_chars)


def _holds_media(document: dict[str, Any], text: str) -> bool:
    """A photo (three signs of it were seen), or the answer of the secure-image plugin."""
    if _at(document, "userRequest", "params", "media"):
        return True
    # The pattern's time grows with the square of the length.
    if len(text) <= MAX_URL_CHARS and _PICTURE_URL.fullmatch(text):
        return True
    if _at(document, "flow", "trigger", "type") == "IMAGE_UPLOAD":
        return True
    params = _at(document, "action", "params")
    values = params.values() if isinstance(params, dict) else ()
    return any(isinstance(value, str) and '"secureUrls"' in value for value in values)


def _event_key(document: dict[str, Any], received_at: datetime) -> str:
    """The key of the event, without an event id from Kakao: the callback URL, unique per message.

    Without one, the same text of the same person within two seconds counts as one message: a
    double tap, or a proxy's retry. Kakao itself has not been seen to repeat a request, so the
    window is short: a person may well write "응" twice.
    """
    url = _callback_url(document)
    if url:
        return digest("callback", url)
    window = int(received_at.timestamp() // REPEAT_WINDOW_S)
    words = _text(document, "userRequest", "utterance")
    bot = _text(document, "bot", "id")
    return digest("words", _user(document), words, bot, str(window))


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
