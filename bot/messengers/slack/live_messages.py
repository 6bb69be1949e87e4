"""The messages in Slack that grow with an answer: streams, and posts that are edited."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any
from uuid import UUID

import structlog

from bot.conversation.live_turns import LiveTurn
from bot.conversation.settlement_waiters import Settlement
from bot.domain.deliveries import Outcome
from bot.domain.posts import PostState
from bot.domain.turns import has_visible
from bot.messengers.slack.api import ApiResult, SlackApi
from bot.messengers.slack.blocks import part_message
from bot.messengers.slack.controls import stop_blocks
from bot.messengers.slack.ids import message_ts
from bot.messengers.slack.live_answers import ShownAnswer
from bot.messengers.slack.live_text import visible
from bot.messengers.slack.pacing import Pacing
from bot.messengers.slack.post_log import PostLog
from bot.messengers.slack.status import StatusLine
from bot.messengers.slack.web_api import Room, turn_metadata
from bot.messengers.slack.withdrawal import Withdrawal
from bot.text.catalog import Texts

log = structlog.get_logger(__name__)

#: Slack takes 12,000 characters; the last of a longer answer come with its end.
MAX_LIVE_CHARS = 11_000
#: The pauses between two pieces of one answer.
APPEND_EVERY_S, EDIT_EVERY_S = 0.6, 1.5
#: Slack's limits by workspace: 100 appends and 50 edits a minute, a little below.
APPENDS_S, EDITS_S = 0.65, 1.3
#: The longest pause between two pieces, whatever Slack asks for: the answer ends meanwhile.
MAX_PAUSE_S = 60.0
#: A hold that took longer to get may be over before an edit is.
LATE_S = 2.5


class LiveAnswer:
    """One answer as it is shown."""

    def __init__(self, turn_id: UUID, room: Room, live: LiveTurn, settled: Settlement) -> None:
        self.turn_id = turn_id
        self.room = room
        self.shown = ShownAnswer()
        self._live = live
        self._settled = settled
        self._restarts = 0

    @property
    def text(self) -> str:
        """What may be shown now; a shown beginning never changes."""
        return visible(self._live.text)[:MAX_LIVE_CHARS]

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to write live."""
        begun_anew = bool(self.shown.text) and self._live.restarts != self._restarts
        whole = self._settled.is_set() or self.shown.is_taken
        return whole or begun_anew or len(self.shown.text) >= MAX_LIVE_CHARS

    @property
    def has_delivery(self) -> bool:
        """Whether a delivery certainly finishes the message."""
        return self._settled.is_told

    async def has_text(self) -> bool:
        """Wait for something to show; False: the answer is whole already."""
        while not self.is_over:
            if has_visible(self.text):
                self._restarts = self._live.restarts
                return True
            await self.news()
        return False

    async def pause(self, seconds: float) -> None:
        """Wait, but not beyond the end of the answer."""
        if seconds <= 0:
            return
        self._live.rest(min(seconds, MAX_PAUSE_S))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, MAX_PAUSE_S)):
                await self._settled.wait()

    async def news(self) -> None:
        """Wait for what has come since the last wait: text, or the settlement."""
        await self._live.changed.wait()
        self._live.changed.clear()


class LiveMessages:
    """The messages in Slack that grow."""

    def __init__(self, api: SlackApi, post_log: PostLog, texts: Texts, status: StatusLine) -> None:
        self._api = api
        self._status = status
        self._posts = post_log
        self._texts = texts
        self._withdrawal = Withdrawal(api)
        self._appends = Pacing(APPENDS_S)
        self._edits = Pacing(EDITS_S)

    async def begin(self, answer: LiveAnswer, as_stream: bool) -> bool:
        """Show the first text; False: the answer is left to its delivery."""
        if not await self._posts.begin(answer.turn_id, answer.room.channel):
            return False
        self._status.shown(answer.room)
        text, shown = answer.text, answer.shown
        shown.is_stream = as_stream
        with shown.call():
            result = await (self._start_stream if as_stream else self._post)(answer, text)
        if not result.ok:
            shown.is_certain = False
            if result.outcome is not Outcome.UNCONFIRMED:
                await self._posts.remove(answer.turn_id, 0)
            log.info("slack_answer_not_live", turn_id=str(answer.turn_id), detail=result.detail)
            return False
        shown.ts, shown.text = message_ts(result.document.get("ts")), text
        if not shown.ts:
            # The delivery looks for it.
            return False
        state = PostState.STREAMING if as_stream else PostState.WRITING
        if await self._posts.note(answer.turn_id, 0, state, shown.ts):
            return True
        await self._abandon_if_erased(answer)
        return False

    async def keep_writing(self, answer: LiveAnswer) -> None:
        """Show more as it comes, until the answer is whole."""
        while not answer.is_over:
            pause_s = APPEND_EVERY_S if answer.shown.is_stream else EDIT_EVERY_S
            await answer.pause(pause_s)
            if len(answer.text) <= len(answer.shown.text):
                await answer.news()
            if answer.is_over or len(answer.text) <= len(answer.shown.text):
                continue
            pacing = self._appends if answer.shown.is_stream else self._edits
            await answer.pause(pacing.reserve(answer.room.team))
            if not answer.is_over and not await self._show(answer, answer.text):
                break
        if not answer.has_delivery:
            await self._abandon_if_erased(answer)

    async def _show(self, answer: LiveAnswer, text: str) -> bool:
        """Show more of the text; False: the answer is whole, or it is not known what is shown."""
        shown = answer.shown
        with shown.call():
            if shown.is_stream:
                # Slack itself refuses pieces behind the end.
                result = await self._append(answer, text[len(shown.text) :])
            elif await self._hold(answer):
                result = await self._edit(answer, text)
                await self._posts.release(answer.turn_id, 0)
            else:
                return False
        if shown.is_stream and result.error == "message_not_in_streaming_state":
            # Slack has ended the stream: the message can be edited from now on.
            shown.is_stream = False
            return True
        if result.ok:
            shown.text = text
        elif result.outcome is Outcome.RETRY:
            await answer.pause(result.retry_after_s or 1.0)
            return True
        shown.is_certain = result.ok
        return result.ok

    async def _hold(self, answer: LiveAnswer) -> bool:
        """Keep the delivery, which may be another bot's, from finishing the message meanwhile."""
        asked_at = time.monotonic()
        if not await self._posts.hold(answer.turn_id, 0):
            return False
        if time.monotonic() - asked_at < LATE_S:
            return True
        await self._posts.release(answer.turn_id, 0)
        return False

    async def _abandon_if_erased(self, answer: LiveAnswer) -> None:
        """Take back a message whose turn was erased: no delivery will finish it."""
        if not await self._posts.of_turn(answer.turn_id):
            await self._withdrawal.withdraw(answer.room, answer.shown.ts)

    async def _start_stream(self, answer: LiveAnswer, text: str) -> ApiResult:
        document = {**_place(answer.room), "markdown_text": text}
        return await self._call("chat.startStream", document, answer)

    async def _append(self, answer: LiveAnswer, text: str) -> ApiResult:
        document = {"channel": answer.room.channel, "ts": answer.shown.ts, "markdown_text": text}
        return await self._call("chat.appendStream", document, answer)

    async def _post(self, answer: LiveAnswer, text: str) -> ApiResult:
        # Slack must not fetch addresses that the model has written.
        quiet = {"unfurl_links": False, "unfurl_media": False}
        document = {**_place(answer.room), **quiet, **self._growing(answer, text)}
        return await self._api.call("chat.postMessage", document, team=answer.room.team)

    async def _edit(self, answer: LiveAnswer, text: str) -> ApiResult:
        document = {"channel": answer.room.channel, "ts": answer.shown.ts}
        return await self._call("chat.update", {**document, **self._growing(answer, text)}, answer)

    def _growing(self, answer: LiveAnswer, text: str) -> dict[str, Any]:
        message = part_message(f"{text} …")
        blocks = [*message["blocks"], *stop_blocks(answer.turn_id, self._texts)]
        return {**message, "blocks": blocks, "metadata": turn_metadata(answer.turn_id)}

    async def _call(self, method: str, document: dict[str, Any], answer: LiveAnswer) -> ApiResult:
        return await self._api.call(method, document, team=answer.room.team, keep_alive=True)


def _place(room: Room) -> dict[str, Any]:
    where = {"channel": room.channel}
    return where | ({"thread_ts": room.thread_ts} if room.thread_ts else {})
