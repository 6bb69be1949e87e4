"""Slack's requests: the signature over the raw bytes, and the form of a slash command."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from yarl import URL

from bot.domain.deliveries import DeliveryVia, ReplyHandle
from bot.domain.messenger import Command, Incoming, Problem, Refusal, typed_command
from bot.domain.turns import RepeatWindow, Utterance
from bot.http.outbound import allowed, host_of
from bot.messengers.parsing import MessageText, digest, identifier, joined, read_text
from bot.messengers.slack.settings import SlackSettings, Visibility
from bot.text.splitting import shorten

log = structlog.get_logger(__name__)

#: Requests outside this window are refused: they may be replayed.
MAX_CLOCK_SKEW_S = 300
#: A request is accepted so long before and after its time.
REPLAY_WINDOW = timedelta(seconds=2 * MAX_CLOCK_SKEW_S)
#: A response_url lives 30 minutes; the rest is room for slow clocks.
RESPONSE_URL_LIFE = timedelta(minutes=28)
#: The maximum of the question quoted above an answer in a channel.
MAX_QUOTE_CHARS = 200
#: Who is to read the answer, before a colon: without one these words begin many questions.
_VISIBILITIES: dict[str, Visibility] = {
    "public": "in_channel",
    "공개": "in_channel",
    "private": "ephemeral",
    "비공개": "ephemeral",
}
_WISH = re.compile(rf"\s*({'|'.join(_VISIBILITIES)})\s*[:：]\s*", re.IGNORECASE)
#: Far above the dozen fields of a slash command.
MAX_FORM_FIELDS = 100


def verify_signature(
    headers: Mapping[str, str], body: bytes, settings: SlackSettings, now: datetime
) -> None:
    """Raise Refusal(401) unless Slack signed these very bytes within the last five minutes.

    Without the SDK's verifier, which raises ValueError, TypeError and UnicodeDecodeError for
    malformed headers and bodies of strangers.
    """
    secret = settings.signing_secret.get_secret_value()
    timestamp = headers.get("X-Slack-Request-Timestamp", "")
    signature = headers.get("X-Slack-Signature", "").encode("utf-8", "surrogatepass")
    if not secret or not re.fullmatch(r"[0-9]{1,12}", timestamp):
        raise Refusal(401, "not signed")
    if abs(now.timestamp() - int(timestamp)) > MAX_CLOCK_SKEW_S:
        raise Refusal(401, "signed at another time")
    signed = b"v0:" + timestamp.encode("ascii") + b":" + body
    expected = "v0=" + hmac.digest(secret.encode(), signed, "sha256").hex()
    if not hmac.compare_digest(signature, expected.encode("ascii")):
        raise Refusal(401, "wrong signature")


def is_json(headers: Mapping[str, str], text: str) -> bool:
    """Whether the body is an event rather than a form."""
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or text.lstrip().startswith("{")


def read_form(text: str) -> dict[str, str]:
    """The form's fields; raises Refusal(400) above ``MAX_FORM_FIELDS``."""
    if text.count("&") >= MAX_FORM_FIELDS:
        raise Refusal(400, "the form has too many fields")
    # A form has the syntax of a query; urllib takes four times as long for Hangul.
    return dict(URL.build(path="/", query_string=text, encoded=True).query.items())


def read_command(
    fields: Mapping[str, str], received_at: datetime, settings: SlackSettings, *, max_chars: int
) -> Incoming:
    """The content of a slash command; never raises.

    ``max_chars``: the maximum length of a text.
    """
    sender, channel, team, enterprise = (
        identifier(fields.get(key)) for key in ("user_id", "channel_id", "team_id", "enterprise_id")
    )
    incoming = Incoming(
        sender=sender,
        tenant=joined(*([enterprise, team] if enterprise else [team]), by="/"),
        conversation_key=joined("command", channel, sender, by=":"),
        room=channel,
    )
    if not (sender and channel and team and _answerable(fields, settings)):
        return replace(incoming, problem=Problem.UNREADABLE)
    visibility, raw = _visibility(fields.get("text", ""))
    message = _message(raw, max_chars)
    if not message.text and message.problem is Problem.EMPTY:
        return replace(incoming, command=Command.HELP)
    if command := typed_command(message.text):
        repeats = RepeatWindow(
            key=_event_key(fields), received_at=received_at, until=received_at + REPLAY_WINDOW
        )
        draft = _utterance(incoming, fields, message.text, received_at, visibility)
        return replace(incoming, command=command, repeats=repeats, draft=draft)
    if message.problem:
        return replace(incoming, problem=message.problem)
    utterance = _utterance(incoming, fields, message.text, received_at, visibility)
    return replace(incoming, utterance=utterance)


def earliest_command_time(handle: ReplyHandle) -> float:
    """The earliest time of the command by Slack's clock, in Unix seconds.

    Its signature was checked: the two clocks differ by MAX_CLOCK_SKEW_S at most.
    """
    return (handle.expires_at - RESPONSE_URL_LIFE).timestamp() - MAX_CLOCK_SKEW_S


def _answerable(fields: Mapping[str, str], settings: SlackSettings) -> bool:
    url = fields.get("response_url", "")
    usable = allowed(url, settings.response_hosts)
    if url and not usable:
        log.warning("slack_response_url_refused", host=host_of(url))
    return usable


def visibility_of(address: Mapping[str, Any], settings: SlackSettings) -> Visibility:
    """Who reads the answer: as the command says, else as the settings do."""
    wished = address.get("visibility")
    return wished if wished in ("in_channel", "ephemeral") else settings.command_visibility


def _visibility(raw: str) -> tuple[Visibility | None, str]:
    """The wish before the question ("private: ..."), and the question."""
    if found := _WISH.match(raw):
        return _VISIBILITIES[found[1].casefold()], raw[found.end() :]
    return None, raw


def _message(raw: str, max_chars: int) -> MessageText:
    # Slack escapes exactly these three. The ampersand is last: "&amp;lt;" must not become "<".
    typed = raw.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return read_text(typed, max_chars)


def _utterance(
    incoming: Incoming,
    fields: Mapping[str, str],
    text: str,
    received_at: datetime,
    visibility: Visibility | None,
) -> Utterance:
    url = fields["response_url"]
    return Utterance(
        messenger="slack",
        tenant=incoming.tenant,
        conversation_key=incoming.conversation_key,
        event_key=_event_key(fields),
        sender=incoming.sender,
        room=incoming.room,
        text=text,
        reply=ReplyHandle(
            via=DeliveryVia.POST,
            address={
                "response_url": url,
                "channel": _slack_id(fields, "channel_id"),
                "team": _slack_id(fields, "team_id"),
                "app": _slack_id(fields, "api_app_id"),
                "user_id": incoming.sender,
                "question": shorten(" ".join(text.split()), MAX_QUOTE_CHARS),
                **({"visibility": visibility} if visibility else {}),
            },
            expires_at=received_at + RESPONSE_URL_LIFE,
        ),
        received_at=received_at,
    )


def _event_key(fields: Mapping[str, str]) -> str:
    """The key of the command: its trigger id, else its response URL; each in a space of its own."""
    if trigger := identifier(fields.get("trigger_id")):
        return joined("command", trigger, by=":")
    return joined("command", "url", digest(fields["response_url"]), by=":")


def _slack_id(fields: Mapping[str, str], key: str) -> str | None:
    """An id in Slack's format; None for anything else, because it is sent back to Slack."""
    raw = fields.get(key, "")
    return raw if re.fullmatch(r"[A-Z0-9]{1,40}", raw) else None
