"""Answers in threads and direct channels: posted, or finished where they were written live.

Each message of an answer is recorded before it is posted. What was begun live is finished by calls
that may be repeated: the stream is stopped, and the message replaced by what the log says. So an
answer is never shown twice, whoever dies in the middle.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from bot.domain.deliveries import Answer, DeliveryResult, Outcome, ReplyHandle
from bot.domain.messenger import LookupOutcome, LookupResult
from bot.domain.posts import PostState
from bot.messengers.slack.answer_part import AnswerPart, PartLayout
from bot.messengers.slack.api import ApiResult
from bot.messengers.slack.blocks import answer_parts
from bot.messengers.slack.ids import message_ts
from bot.messengers.slack.live_finish import LiveFinish
from bot.messengers.slack.post_log import PostLog
from bot.messengers.slack.refusals import may_take_plain_text
from bot.messengers.slack.wanted_part import LOOKS_ALIKE, WantedPart
from bot.messengers.slack.web_api import Room, WebApi
from bot.store.posts import Post
from bot.text.catalog import Texts

#: Begun before it, a call ends within the ten seconds of a delivery.
LAST_CALL_S = 4.8
#: The age of a message until which it is looked up; it may be shown in part after that. A delivery
#: whose outcome was lost begins to look at half a minute (``RECONCILE_DELAY_S``).
LOOK_UP_S = 90.0
#: The wait for a call of the live writer, which must not come after the last one.
HELD_S, HELD_POLL_S = 2.0, 0.1


class ThreadDelivery:
    """Delivers answers that are addressed to a room. Raises database errors, before any call."""

    def __init__(
        self,
        texts: Texts,
        layout: PartLayout,
        web_api: WebApi,
        post_log: PostLog,
        live: LiveFinish,
    ) -> None:
        self._texts = texts
        self._layout = layout
        self._web_api = web_api
        self._posts = post_log
        self._live = live

    async def deliver(self, handle: ReplyHandle, room: Room, answer: Answer) -> DeliveryResult:
        """Show the answer in one message or more, within ten seconds."""
        latest = time.monotonic() + LAST_CALL_S
        parts = self._parts(handle, room, answer)
        if len(parts) == 1 and (shown := await self._finish_own(parts[0])):
            return shown
        known = await self._posts.of_turn(answer.turn_id)
        result = DeliveryResult(outcome=Outcome.DELIVERED, detail="shown before")
        for part in parts:
            post = known.get(part.number)
            if post is not None and post.state is PostState.FINAL:
                continue
            if time.monotonic() > latest:
                return DeliveryResult(outcome=Outcome.RETRY, detail="not finished: more to post")
            result = await self._show(part, post)
            if result.outcome is not Outcome.DELIVERED:
                return result
        return result

    def _parts(self, handle: ReplyHandle, room: Room, answer: Answer) -> list[AnswerPart]:
        markdowns = answer_parts(answer, self._texts)
        return [
            AnswerPart(
                room=room,
                answer=answer,
                markdown=markdown,
                number=number,
                count=len(markdowns),
                asked_at=asked_at(handle),
                app=handle.address.get("app"),
            )
            for number, markdown in enumerate(markdowns)
        ]

    async def _finish_own(self, part: AnswerPart) -> DeliveryResult | None:
        """Finish the stream that this bot writes, which it knows without the log; None: ask that.

        Where another bot has finished it meanwhile, it shows the same.
        """
        ts = self._live.own_stream(part.answer.turn_id)
        return await self._live.finish(part, ts, PostState.STREAMING) if ts else None

    async def _show(self, part: AnswerPart, post: Post | None) -> DeliveryResult:
        if post is not None and post.is_held:
            post = await self._until_free(part)
            if post is not None and post.is_held:
                return _later("it is being written")
        if post is None:
            return await self._post(part)
        if post.message_id is not None:
            return await self._finish(part, post.message_id, post.state)
        return await self._resolve(part, post)

    async def _until_free(self, part: AnswerPart) -> Post | None:
        until = time.monotonic() + HELD_S
        while True:
            post = (await self._posts.of_turn(part.answer.turn_id)).get(part.number)
            if post is None or not post.is_held or time.monotonic() > until:
                return post
            await asyncio.sleep(HELD_POLL_S)

    async def _resolve(self, part: AnswerPart, post: Post) -> DeliveryResult:
        """Find the message of a bot that died before it told its id; post where there is none."""
        passed: tuple[str, ...] = ()
        while True:
            found = await self._find(part, post, passed)
            if found.outcome is not LookupOutcome.FOUND:
                break
            if found.detail == LOOKS_ALIKE and await self._others_are_starting(part):
                return _later("others begin")
            taken = await self._posts.take(part.answer.turn_id, part.number, found.message_id)
            if taken or found.detail != LOOKS_ALIKE:
                return await self._finish(part, found.message_id, PostState.STREAMING)
            passed = (*passed, found.message_id)
        if found.outcome is LookupOutcome.UNKNOWN and time.time() < post.begun_at + LOOK_UP_S:
            return _later(found.detail, found.retry_after_s)
        # At most the beginning is shown of one that was live: the answer must not be lost.
        if found.outcome is LookupOutcome.ABSENT or post.is_live:
            await self._posts.remove(part.answer.turn_id, part.number)
            return await self._post(part)
        return DeliveryResult(outcome=Outcome.UNCONFIRMED, detail=found.detail)

    async def _find(self, part: AnswerPart, post: Post, passed: tuple[str, ...]) -> LookupResult:
        wanted = WantedPart(
            number=part.number,
            beginning=part.markdown if post.is_live else "",
            begun_at=post.begun_at,
            passed=passed,
        )
        return await self._web_api.find_part(
            part.room, part.answer.turn_id, part.asked_at, part.app, wanted
        )

    async def _others_are_starting(self, part: AnswerPart) -> bool:
        return await self._posts.others_starting(part.answer.turn_id, part.room.channel)

    async def _finish(self, part: AnswerPart, ts: str, state: PostState) -> DeliveryResult:
        result = await self._live.finish(part, ts, state)
        if result is not None:
            return result
        # The message is gone before it was whole.
        await self._posts.remove(part.answer.turn_id, part.number)
        return await self._post(part)

    async def _post(self, part: AnswerPart) -> DeliveryResult:
        if not await self._posts.announce(part.answer.turn_id, part.number, part.room.channel):
            return _later("it is begun")
        result = ApiResult(outcome=Outcome.REFUSED, detail="", document={})
        for message in self._layout.messages(part):
            result = await self._web_api.post(
                part.room, part.answer.turn_id, message, part=part.number, parts=part.count
            )
            if not may_take_plain_text(result.delivery):
                break
            part.warn(result)
        if result.ok:
            ts = message_ts(result.document.get("ts"))
            finished = await self._posts.finish(part, ts or None)
            return replace(result.delivery, finished=finished)
        if result.outcome is not Outcome.UNCONFIRMED:
            await self._posts.remove(part.answer.turn_id, part.number)
        return result.delivery


def _later(why: str, retry_after_s: float | None = None) -> DeliveryResult:
    """Nothing is to be sent before something else is known."""
    return DeliveryResult(
        outcome=Outcome.RETRY,
        detail=f"not finished: {why}",
        retry_after_s=retry_after_s,
        tried=False,
    )


def asked_at(handle: ReplyHandle) -> float:
    """When the question was sent, by Slack's clock, in Unix seconds."""
    try:
        return float(handle.address.get("ts") or 0.0)
    except ValueError:
        return 0.0
