"""Answers in threads and direct channels: posted, or finished where they were written live.

Each message of an answer is recorded before it is posted. What was begun live is finished by calls
that may be repeated: the stream is stopped, and the message replaced by what the log says. So an
answer is never shown twice, whoever dies in the middle.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import structlog

from bot.domain.deliveries import Answer, DeliveryResult, Outcome, ReplyHandle
from bot.domain.messenger import LookupOutcome
from bot.domain.posts import PostState
from bot.messengers.slack.api import ApiResult, SlackApi
from bot.messengers.slack.blocks import (
    MAX_FALLBACK_CHARS,
    MAX_MARKDOWN_CHARS,
    answer_parts,
    part_message,
    plain_part,
)
from bot.messengers.slack.controls import VOTE_BUTTONS, vote_blocks
from bot.messengers.slack.ids import message_ts
from bot.messengers.slack.post_log import PostLog
from bot.messengers.slack.refusals import is_too_long, may_take_plain_text
from bot.messengers.slack.settings import SlackSettings
from bot.messengers.slack.web_api import Room, WebApi, turn_metadata
from bot.store.posts import Post
from bot.text.catalog import Texts

log = structlog.get_logger(__name__)

#: Begun before it, a call ends within the ten seconds of a delivery.
LAST_CALL_S = 4.8
#: The wait for a live writer that is about to tell its message's id.
STARTING_S, STARTING_POLL_S = 2.0, 0.1

_GONE = "message_not_found"
#: The message cannot be changed: it is gone, or the workspace closes messages to edits.
_UNCHANGEABLE = frozenset({_GONE, "cant_update_message", "edit_window_closed", "update_failed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One message of an answer."""

    room: Room
    answer: Answer
    markdown: str
    number: int
    count: int
    asked_at: float  #: Unix seconds of the question
    app: object


class ThreadDelivery:
    """Delivers answers that are addressed to a room. Raises database errors, before any call."""

    def __init__(
        self, settings: SlackSettings, texts: Texts, web_api: WebApi, post_log: PostLog
    ) -> None:
        self._settings = settings
        self._texts = texts
        self._web_api = web_api
        self._posts = post_log

    @property
    def _api(self) -> SlackApi:
        return self._web_api.api

    async def deliver(self, handle: ReplyHandle, room: Room, answer: Answer) -> DeliveryResult:
        """Show the answer in one message or more, within ten seconds."""
        latest = time.monotonic() + LAST_CALL_S
        markdowns = answer_parts(answer, self._texts)
        known = await self._posts.of_turn(answer.turn_id)
        result = DeliveryResult(outcome=Outcome.DELIVERED, detail="shown before")
        for number, markdown in enumerate(markdowns):
            post = known.get(number)
            if post is not None and post.state is PostState.FINAL:
                continue
            if time.monotonic() > latest:
                return DeliveryResult(outcome=Outcome.RETRY, detail="not finished: more to post")
            part = _Part(
                room=room,
                answer=answer,
                markdown=markdown,
                number=number,
                count=len(markdowns),
                asked_at=asked_at(handle),
                app=handle.address.get("app"),
            )
            result = await self._show(part, post)
            if result.outcome is not Outcome.DELIVERED:
                return result
        return result

    async def _show(self, part: _Part, post: Post | None) -> DeliveryResult:
        if post is not None and post.is_starting:
            post = await self._until_started(part) or post
            if post.is_starting:
                return DeliveryResult(outcome=Outcome.RETRY, detail="not finished: it is begun")
        if post is None:
            return await self._post(part)
        if post.message_id is not None:
            return await self._finish(part, post.message_id, post.state)
        return await self._resolve(part, post)

    async def _until_started(self, part: _Part) -> Post | None:
        until = time.monotonic() + STARTING_S
        while True:
            post = (await self._posts.of_turn(part.answer.turn_id)).get(part.number)
            if post is None or not post.is_starting or time.monotonic() > until:
                return post
            await asyncio.sleep(STARTING_POLL_S)

    async def _resolve(self, part: _Part, post: Post) -> DeliveryResult:
        """Find the message of a bot that died before it told its id; post where there is none."""
        found = await self._web_api.find_part(
            part.room,
            part.answer.turn_id,
            part.asked_at,
            part.app,
            number=part.number,
            beginning=part.markdown if post.is_live else "",
        )
        if found.outcome is LookupOutcome.FOUND:
            return await self._finish(part, found.detail, PostState.STREAMING)
        # At most the beginning is shown of one that was live: the answer must not be lost.
        if found.outcome is LookupOutcome.ABSENT or post.is_live:
            await self._posts.remove(part.answer.turn_id, part.number)
            return await self._post(part)
        return DeliveryResult(outcome=Outcome.UNCONFIRMED, detail=found.detail)

    async def _post(self, part: _Part) -> DeliveryResult:
        if not await self._posts.announce(part.answer.turn_id, part.number, part.room.channel):
            return DeliveryResult(outcome=Outcome.RETRY, detail="not finished: it is begun")
        result = ApiResult(outcome=Outcome.REFUSED, detail="", document={})
        for message in self._messages(part):
            result = await self._web_api.post(
                part.room, part.answer.turn_id, message, part=part.number, parts=part.count
            )
            if not may_take_plain_text(result.delivery):
                break
            self._warn(part, result)
        if result.ok:
            ts = message_ts(result.document.get("ts"))
            await self._posts.note(part.answer.turn_id, part.number, PostState.FINAL, ts or None)
        elif result.outcome is not Outcome.UNCONFIRMED:
            await self._posts.remove(part.answer.turn_id, part.number)
        return result.delivery

    async def _finish(self, part: _Part, ts: str, state: PostState) -> DeliveryResult:
        """Stop the stream, and replace the message by its final text; both may be repeated."""
        place = {"channel": part.room.channel, "ts": ts}
        if state is PostState.STREAMING:
            stopped = await self._call("chat.stopStream", place, part)
            if stopped.error == _GONE:
                return await self._post_anew(part, ts)
            if not stopped.ok and not stopped.error:
                return _again(stopped)
        result = ApiResult(outcome=Outcome.REFUSED, detail="", document={})
        for message in self._messages(part):
            metadata = turn_metadata(part.answer.turn_id, part.number, part.count)
            result = await self._call(
                "chat.update", {**place, **message, "metadata": metadata}, part
            )
            if result.error in _UNCHANGEABLE:
                return await self._post_anew(part, ts)
            if result.error == "streaming_state_conflict":
                return _again(result)
            if not may_take_plain_text(result.delivery):
                break
            self._warn(part, result)
        if not result.ok:
            return result.delivery if result.outcome is Outcome.REFUSED else _again(result)
        await self._posts.note(part.answer.turn_id, part.number, PostState.FINAL, ts)
        return DeliveryResult(outcome=Outcome.DELIVERED, detail=f"finished at {ts}")

    async def _post_anew(self, part: _Part, ts: str) -> DeliveryResult:
        """Post the part whose message was deleted, or cannot be changed: then it makes room."""
        await self._call("chat.delete", {"channel": part.room.channel, "ts": ts}, part)
        await self._posts.remove(part.answer.turn_id, part.number)
        return await self._post(part)

    async def _call(self, method: str, document: dict[str, Any], part: _Part) -> ApiResult:
        return await self._api.call(method, document, team=part.room.team, keep_alive=True)

    def _messages(self, part: _Part) -> list[dict[str, Any]]:
        """The message, and what is tried where Slack refuses it: plainer buttons, plain text."""
        notice = part.answer.notice(self._texts.ai_notice) if part.number == 0 else ""
        message = part_message(part.markdown, notice=notice)
        tries = []
        if part.answer.answered and part.number == part.count - 1:
            for native in VOTE_BUTTONS[self._settings.feedback]:
                buttons = vote_blocks(part.answer.turn_id, self._texts, native=native)
                tries.append({**message, "blocks": [*message["blocks"], *buttons]})
        tries.append(message)
        plain = [MAX_MARKDOWN_CHARS, MAX_FALLBACK_CHARS]
        return tries + [plain_part(part.markdown, notice=notice, max_chars=n) for n in plain]

    def _warn(self, part: _Part, result: ApiResult) -> None:
        code = "too long" if is_too_long(result.delivery) else result.error
        log.warning("slack_message_refused", turn_id=str(part.answer.turn_id), code=code)


def _again(result: ApiResult) -> DeliveryResult:
    """What was asked may be asked again: it has the same effect."""
    return DeliveryResult(
        outcome=Outcome.RETRY, detail=result.detail, retry_after_s=result.retry_after_s
    )


def asked_at(handle: ReplyHandle) -> float:
    """When the question was sent, by Slack's clock, in Unix seconds."""
    try:
        return float(handle.address.get("ts") or 0.0)
    except ValueError:
        return 0.0
