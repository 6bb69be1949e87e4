"""Posts that name their turn, and the look-up that finds them again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import structlog

from bot.domain.deliveries import Outcome
from bot.domain.messenger import LookupOutcome, LookupResult
from bot.http.outbound import OutboundClient
from bot.messengers.slack.api import ApiResult, SlackApi
from bot.messengers.slack.ids import message_ts
from bot.messengers.slack.refusals import OF_THE_CHANNEL
from bot.messengers.slack.settings import SlackSettings
from bot.messengers.slack.tokens import SettingsToken
from bot.messengers.slack.wanted_part import LOOKS_ALIKE, WantedPart

log = structlog.get_logger(__name__)

#: The metadata by which a message is found again: the turn's id, no personal data.
EVENT_TYPE = "bllossom_turn"
#: The metadata of the bot's own sentences, which are no turn's answer.
SENTENCE_TYPE = "bllossom_sentence"
#: A page of answers of the maximum length.
MAX_PAGE_BYTES = 10 * 1024 * 1024
#: The letters by which a message is known as the beginning of an answer.
MIN_BEGINNING = 40
#: The maximum of a channel's history that is read.
PAGE, MAX_PAGES = 100, 6
#: The pause between two queries of one bot in one workspace; Slack allows fifty a minute (tier 3)
#: to all together.
PACE_S = 3.0
#: The time for which a channel's refusal is remembered, and the maximum of such channels.
CLOSED_S, MAX_CLOSED = 600.0, 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A place for messages: a channel of a workspace, or one thread in it."""

    team: str
    channel: str
    thread_ts: str = ""


class WebApi:
    """Messages of the bot user."""

    def __init__(
        self, settings: SlackSettings, outbound: OutboundClient, api: SlackApi | None = None
    ) -> None:
        self.api = api or SlackApi(settings, outbound, SettingsToken(settings))
        self._closed: dict[tuple[str, str], float] = {}
        self._next_read: dict[str, float] = {}

    @property
    def has_token(self) -> bool:
        """Whether the Web API can be called."""
        return self.api.available

    def may_post(self, channel: object, team: str = "") -> bool:
        """Whether a message to this channel is worth a try."""
        if not self.has_token or not isinstance(channel, str):
            return False
        return self._closed.get((team, channel), 0.0) <= time.monotonic()

    async def post(
        self, room: Room, turn_id: UUID, message: dict[str, Any], *, part: int = 0, parts: int = 1
    ) -> ApiResult:
        """Call chat.postMessage once; a success's detail holds channel and ts.

        ``part`` of ``parts``: which of the messages that show the turn's answer.
        """
        # Slack must not fetch addresses that the model has written.
        quiet = {"unfurl_links": False, "unfurl_media": False}
        where = {"channel": room.channel}
        if room.thread_ts:
            where["thread_ts"] = room.thread_ts
        named = {"metadata": turn_metadata(turn_id, part, parts)}
        result = await self.api.call(
            "chat.postMessage", {**where, **named, **quiet, **message}, team=room.team
        )
        if result.outcome is Outcome.REFUSED and result.error in OF_THE_CHANNEL:
            self._close(room, result.detail)
        if result.ok:
            place = f"{result.document.get('channel')} {result.document.get('ts')}"
            return replace(result, detail=f"{result.detail}, {place}")
        return result

    async def find(
        self, room: Room, turn_id: UUID, since: float, app: object, *, part: int | None = None
    ) -> LookupResult:
        """Look up a turn's message in the room from ``since``, in Unix seconds.

        ``part``: that message of the answer; None: the last one. ``app``: the id of the bot's own
        app, or None.
        """
        read = 0
        query = _query(room, since)
        for _ in range(MAX_PAGES):
            await self._pace(room.team)
            page = await self._read_page(room, query)
            if isinstance(page, LookupResult):
                return page
            messages, cursor = page
            if found := _message_of(messages, turn_id, part):
                ts = message_ts(found.get("ts"))
                detail = f"found at {room.channel} {ts}"
                return LookupResult(outcome=LookupOutcome.FOUND, detail=detail, message_id=ts)
            # Slack may withhold metadata: then an absence is not certain.
            if any(_is_nameless(message) and _is_of(message, app) for message in messages):
                return _unknown(f"{room.channel} has a message of this app that names no turn")
            read += len(messages)
            if not cursor:
                detail = f"not among {read} messages of {room.channel}"
                return LookupResult(outcome=LookupOutcome.ABSENT, detail=detail)
            query["cursor"] = cursor
        return _unknown(f"{room.channel} has more than {read} messages since")

    async def find_part(
        self, room: Room, turn_id: UUID, since: float, app: object, wanted: WantedPart
    ) -> LookupResult:
        """Look up one message of an answer; FOUND: ``message_id`` is its ts.

        A message that names no turn is found where it shows the beginning of the answer, or where
        it came at the time when the answer was begun: a sentence may have taken the answer's place.
        The detail is LOOKS_ALIKE then, and it may be another turn's.
        """
        nameless: list[str] = []
        begun: list[str] = []
        query = _query(room, since)
        for _ in range(MAX_PAGES):
            page = await self._read_page(room, query)
            if isinstance(page, LookupResult):
                return page
            messages, cursor = page
            ours = [message for message in messages if _is_of(message, app)]
            found = _message_of(ours, turn_id, wanted.number)
            if found and (ts := message_ts(found.get("ts"))):
                return _found(ts, "its name")
            begun += _begun(ours, wanted.beginning)
            nameless += (message_ts(each.get("ts")) for each in ours if _is_nameless(each))
            if not cursor:
                if ts := wanted.likeliest(begun, nameless):
                    return _found(ts, LOOKS_ALIKE)
                unclear = nameless and not wanted.beginning
                outcome = LookupOutcome.UNKNOWN if unclear else LookupOutcome.ABSENT
                return LookupResult(outcome=outcome, detail=f"not in {room.channel}")
            query["cursor"] = cursor
        return _unknown(f"{room.channel} has too many messages since")

    async def _read_page(
        self, room: Room, query: dict[str, Any]
    ) -> tuple[list[dict[str, Any]], str] | LookupResult:
        method = "conversations.replies" if room.thread_ts else "conversations.history"
        return _page(
            await self.api.call(method, query, team=room.team, max_bytes=MAX_PAGE_BYTES), method
        )

    async def _pace(self, team: str) -> None:
        now = time.monotonic()
        if len(self._next_read) >= MAX_CLOSED:
            self._next_read.clear()
        begins = max(now, self._next_read.get(team, 0.0))
        self._next_read[team] = begins + PACE_S
        await asyncio.sleep(begins - now)

    def _close(self, room: Room, detail: str) -> None:
        if len(self._closed) >= MAX_CLOSED:
            del self._closed[next(iter(self._closed))]
        self._closed[room.team, room.channel] = time.monotonic() + CLOSED_S
        log.info("slack_channel_closed", detail=detail)


def turn_metadata(turn_id: UUID, part: int = 0, parts: int = 1) -> dict[str, Any]:
    """The metadata of a message that shows an answer, or a part of it."""
    payload: dict[str, Any] = {"turn_id": str(turn_id)}
    if parts > 1:
        payload |= {"part": part, "parts": parts}
    return {"event_type": EVENT_TYPE, "event_payload": payload}


def _query(room: Room, since: float) -> dict[str, Any]:
    query: dict[str, Any] = {
        "channel": room.channel,
        "oldest": f"{since:.6f}",
        "inclusive": True,
        "include_all_metadata": True,
        "limit": PAGE,
    }
    return query | ({"ts": room.thread_ts} if room.thread_ts else {})


def _page(result: ApiResult, method: str) -> tuple[list[dict[str, Any]], str] | LookupResult:
    """The messages of a page and the next page's cursor, or the reason for none."""
    document = result.document
    messages, further = document.get("messages"), document.get("response_metadata")
    if not result.ok or not isinstance(messages, list):
        return _unknown(result.detail, result.retry_after_s, method)
    cursor = further.get("next_cursor") if isinstance(further, dict) else None
    if document.get("has_more") and not cursor:
        return _unknown("more messages and no cursor", method=method)
    return [message for message in messages if isinstance(message, dict)], str(cursor or "")


def _unknown(
    why: str, retry_after_s: float | None = None, method: str = "conversations.history"
) -> LookupResult:
    detail = f"{method}: {why}"
    return LookupResult(outcome=LookupOutcome.UNKNOWN, detail=detail, retry_after_s=retry_after_s)


def _message_of(
    messages: list[dict[str, Any]], turn_id: UUID, part: int | None
) -> dict[str, Any] | None:
    for message in messages:
        payload = _payload(message)
        if payload.get("turn_id") != str(turn_id):
            continue
        its_part, parts = payload.get("part", 0), payload.get("parts", 1)
        if its_part == (parts - 1 if part is None and isinstance(parts, int) else part or 0):
            return message
    return None


def _found(ts: str, by: str) -> LookupResult:
    return LookupResult(outcome=LookupOutcome.FOUND, detail=by, message_id=ts)


def _begun(messages: list[dict[str, Any]], text: str) -> Iterator[str]:
    """The ts of the nameless messages that show the beginning of ``text``."""
    for message in messages:
        shown = message.get("text")
        if isinstance(shown, str) and shown.strip() and _is_nameless(message):
            letters = _letters(shown)[:MIN_BEGINNING]
            if letters and _letters(text).startswith(letters):
                yield message_ts(message.get("ts"))


def _letters(text: str) -> str:
    """Letters and digits alone: Slack lays Markdown out in its own way."""
    return "".join(filter(str.isalnum, text))


def _event_type(message: dict[str, Any]) -> object:
    metadata = message.get("metadata")
    return metadata.get("event_type") if isinstance(metadata, dict) else None


def _payload(message: dict[str, Any]) -> dict[str, Any]:
    """The payload of a message that names its turn; empty for all others."""
    if _event_type(message) != EVENT_TYPE:
        return {}
    payload = message["metadata"].get("event_payload")
    return payload if isinstance(payload, dict) else {}


def _is_nameless(message: dict[str, Any]) -> bool:
    """Whether the message says neither which turn it shows nor that it shows none."""
    if _event_type(message) == SENTENCE_TYPE:
        return False
    return not isinstance(_payload(message).get("turn_id"), str)


def _is_of(message: dict[str, Any], app: object) -> bool:
    """Whether the message was, or may have been, posted by our app."""
    if not message.get("bot_id"):
        return False
    return app is None or message.get("app_id") in (None, app)
