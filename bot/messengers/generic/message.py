"""The JSON of a request: a message, or a command, of one person in one conversation."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bot.domain.deliveries import DeliveryVia, ReplyHandle
from bot.domain.messenger import Command, Incoming, Refusal
from bot.domain.turns import RepeatWindow, Utterance
from bot.http.outbound import allowed
from bot.messengers.generic.settings import GenericSettings
from bot.messengers.generic.signature import MAX_CLOCK_SKEW_S
from bot.messengers.parsing import digest, identifier, json_object, read_text, utf8

MAX_KEY_CHARS = 200
#: A request is accepted so long before and after its time.
REPLAY_WINDOW = timedelta(seconds=2 * MAX_CLOCK_SKEW_S)
_COMMANDS = {
    command.value: command for command in (Command.RESET, Command.HELP, Command.STOP, Command.ERASE)
}


def read_message(
    body: bytes,
    received_at: datetime,
    settings: GenericSettings,
    *,
    signature: str,
    wait_s: float,
    max_chars: int,
) -> Incoming:
    """Read a request verified by its ``signature``; ``received_at`` is aware UTC.

    ``wait_s``: the seconds its response may wait for the answer. ``max_chars``: the maximum length
    of a text. A program's mistake raises Refusal(400), whose reason names the field; a person's
    is an Incoming with a problem.
    """
    document = json_object(utf8(body))
    incoming = Incoming(
        sender=_required_id(document, "user"),
        tenant=_optional_id(document, "tenant"),
        conversation_key=_required_id(document, "conversation"),
    )
    if "command" in document:
        command = _command(document["command"])
        repeats = _command_repeats(document, received_at, signature)
        return replace(incoming, command=command, repeats=repeats)
    message = read_text(_required_text(document, "text"), max_chars)
    event_key = _idempotency_key(document)
    reply = _reply_handle(document, received_at, settings, wait_s)
    if message.problem:
        return replace(incoming, problem=message.problem)
    utterance = _utterance(incoming, message.text, event_key, reply, received_at)
    return replace(incoming, utterance=utterance)


def _utterance(
    incoming: Incoming, text: str, event_key: str, reply: ReplyHandle, received_at: datetime
) -> Utterance:
    return Utterance(
        messenger="generic",
        tenant=incoming.tenant,
        conversation_key=incoming.conversation_key,
        event_key=event_key,
        sender=incoming.sender,
        text=text,
        reply=reply,
        received_at=received_at,
    )


def _required_text(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str):
        raise Refusal(400, f"{name}: a text is needed")
    return value


def _required_id(document: dict[str, Any], name: str) -> str:
    if key := identifier(_required_text(document, name)):
        return key
    raise Refusal(400, f"{name}: it is empty")


def _optional_id(document: dict[str, Any], name: str) -> str:
    """The id in the field; empty if absent or null. A number is refused: its id would be empty."""
    return identifier(_required_text(document, name)) if document.get(name) is not None else ""


def _command(raw: object) -> Command:
    command = _COMMANDS.get(raw) if isinstance(raw, str) else None
    if command is None:
        raise Refusal(400, f"command: known are {', '.join(_COMMANDS)}")
    return command


def _idempotency_key(document: dict[str, Any]) -> str:
    """The idempotency key, from the signed body: a replay cannot change it."""
    key = _required_text(document, "idempotency_key")
    if not 0 < len(key) <= MAX_KEY_CHARS:
        raise Refusal(400, f"idempotency_key: 1 to {MAX_KEY_CHARS} characters are needed")
    return identifier(key)


def _command_repeats(
    document: dict[str, Any], received_at: datetime, signature: str
) -> RepeatWindow:
    """A command's window, by its idempotency key, else by the signature, which a replay repeats."""
    if "idempotency_key" in document:
        key = digest("key", _idempotency_key(document))
    else:
        key = digest("signature", signature)
    return RepeatWindow(key=key, received_at=received_at, until=received_at + REPLAY_WINDOW)


def _reply_handle(
    document: dict[str, Any], received_at: datetime, settings: GenericSettings, wait_s: float
) -> ReplyHandle:
    """The handle: a POST to the callback, else the response, with a hold to be fetched."""
    expires_at = received_at + timedelta(seconds=settings.hold_s)
    url = document.get("callback_url")
    if url is None:
        return ReplyHandle(
            via=DeliveryVia.SYNC,
            sync_until=received_at + timedelta(seconds=wait_s),
            expires_at=expires_at,
        )
    if not allowed(url, settings.callback_hosts):
        raise Refusal(400, "callback_url: its host is not in BOT_GENERIC_CALLBACK_HOSTS")
    if wait_s:
        raise Refusal(400, "callback_url: not together with ?wait=")
    return ReplyHandle(via=DeliveryVia.POST, address={"callback_url": url}, expires_at=expires_at)
