"""Answers shown while they are written: as a stream in direct messages, by edits in channels.

A stream grows by pieces; Slack ends it after about five minutes (slack.md 3.3), and the rest comes
by edits. The writer never finishes an answer: the delivery does, whatever the writer has reached.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog

from bot.conversation.live_turns import LiveTurn, LiveTurns
from bot.conversation.settlement_waiters import SettlementWaiters
from bot.domain.deliveries import Outcome
from bot.domain.posts import PostState
from bot.domain.turns import Utterance, has_visible
from bot.messengers.slack.api import ApiResult, SlackApi
from bot.messengers.slack.blocks import part_message
from bot.messengers.slack.controls import stop_blocks
from bot.messengers.slack.conversations import room_of
from bot.messengers.slack.ids import message_ts
from bot.messengers.slack.live_text import visible
from bot.messengers.slack.pacing import Pacing
from bot.messengers.slack.post_log import PostLog
from bot.messengers.slack.settings import SlackSettings
from bot.messengers.slack.web_api import Room, turn_metadata
from bot.text.catalog import Texts
from runtime.database import DATABASE_ERRORS
from runtime.tasks import TaskSet

log = structlog.get_logger(__name__)

#: Answers written live at once; beyond it they are posted when they are whole.
MAX_LIVE = 600
#: Slack takes 12,000 characters; the last of a longer answer come with its end.
MAX_LIVE_CHARS = 11_000
#: A look at whether the turn is settled.
WAIT_S = 0.5
#: The pauses between two pieces of one answer.
APPEND_EVERY_S, EDIT_EVERY_S = 0.6, 1.5
#: Slack's limits by workspace: 100 appends and 50 edits a minute, a little below.
APPENDS_S, EDITS_S = 0.65, 1.3
#: The longest pause between two pieces, whatever Slack asks for: the answer ends meanwhile.
MAX_PAUSE_S = 60.0


class LiveWriter:
    """Writes answers of this bot's turns live."""

    def __init__(
        self,
        settings: SlackSettings,
        texts: Texts,
        api: SlackApi,
        post_log: PostLog,
        live: LiveTurns,
        waiters: SettlementWaiters,
    ) -> None:
        self._settings = settings
        self._texts = texts
        self._slack = _LiveMessages(api, post_log, texts)
        self._live = live
        self._waiters = waiters
        self._tasks = TaskSet()

    def write(self, turn_id: UUID, utterance: Utterance) -> None:
        """Begin to write the turn's answer live, where its room allows it."""
        room = room_of(utterance.reply)
        as_stream = utterance.reply.address.get("kind") == "direct"
        wanted = (
            self._settings.streaming if as_stream else self._settings.channel_answers == "edits"
        )
        # A stream belongs into a thread.
        if room is None or not wanted or (as_stream and not room.thread_ts):
            return
        if len(self._tasks) >= MAX_LIVE:
            log.info("slack_answer_not_live", turn_id=str(turn_id))
            return
        left_s = (utterance.reply.expires_at - datetime.now(UTC)).total_seconds()
        self._tasks.start(self._write(turn_id, room, as_stream, left_s), name="slack live answer")

    async def close(self) -> None:
        """Stop writing: the deliveries finish the answers."""
        await self._tasks.cancel()

    async def _write(self, turn_id: UUID, room: Room, as_stream: bool, left_s: float) -> None:
        with (
            contextlib.suppress(TimeoutError),
            self._live.following(turn_id) as live,
            self._waiters.following(turn_id) as settled,
        ):
            async with asyncio.timeout(left_s):
                answer = _LiveAnswer(turn_id, room, live, settled)
                try:
                    if await answer.has_text() and await self._slack.begin(answer, as_stream):
                        await self._slack.keep_writing(answer)
                except DATABASE_ERRORS as error:
                    log.warning(
                        "slack_live_broke", turn_id=str(turn_id), error=type(error).__name__
                    )


class _LiveAnswer:
    """One answer as it is shown."""

    def __init__(self, turn_id: UUID, room: Room, live: LiveTurn, settled: asyncio.Event) -> None:
        self.turn_id = turn_id
        self.room = room
        self.ts = ""
        self.is_stream = False
        self.shown = 0  #: characters of the visible text
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
        begun_anew = self.shown > 0 and self._live.restarts != self._restarts
        return self._settled.is_set() or begun_anew or self.shown >= MAX_LIVE_CHARS

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
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, MAX_PAUSE_S)):
                await self._settled.wait()

    async def news(self) -> None:
        """Wait for new text, for a moment."""
        self._live.changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WAIT_S):
                await self._live.changed.wait()


class _LiveMessages:
    """The messages in Slack that grow."""

    def __init__(self, api: SlackApi, post_log: PostLog, texts: Texts) -> None:
        self._api = api
        self._posts = post_log
        self._texts = texts
        self._appends = Pacing(APPENDS_S)
        self._edits = Pacing(EDITS_S)

    async def begin(self, answer: _LiveAnswer, as_stream: bool) -> bool:
        """Show the first text; False: the answer is left to its delivery."""
        if not await self._posts.begin(answer.turn_id, answer.room.channel):
            return False
        text = answer.text
        answer.is_stream = as_stream
        result = await (self._start_stream if as_stream else self._post)(answer, text)
        if not result.ok:
            if result.outcome is not Outcome.UNCONFIRMED:
                await self._posts.remove(answer.turn_id, 0)
            log.info("slack_answer_not_live", turn_id=str(answer.turn_id), detail=result.detail)
            return False
        answer.ts = message_ts(result.document.get("ts"))
        answer.shown = len(text)
        if not answer.ts:
            # The delivery looks for it.
            return False
        state = PostState.STREAMING if as_stream else PostState.WRITING
        if await self._posts.note(answer.turn_id, 0, state, answer.ts):
            return True
        await self._abandon(answer)
        return False

    async def keep_writing(self, answer: _LiveAnswer) -> None:
        """Show more as it comes, until the answer is whole."""
        while not answer.is_over:
            pause_s = APPEND_EVERY_S if answer.is_stream else EDIT_EVERY_S
            await answer.pause(pause_s)
            await answer.news()
            if answer.is_over or len(answer.text) <= answer.shown:
                continue
            pacing = self._appends if answer.is_stream else self._edits
            await answer.pause(pacing.reserve(answer.room.team))
            if not answer.is_over and not await self._show(answer, answer.text):
                break
        if not await self._posts.of_turn(answer.turn_id):
            await self._abandon(answer)

    async def _show(self, answer: _LiveAnswer, text: str) -> bool:
        """Show more of the text; False: it is not known what is shown now."""
        if not answer.is_stream:
            result = await self._edit(answer, text)
        else:
            result = await self._append(answer, text[answer.shown :])
            if result.error == "message_not_in_streaming_state":
                # Slack has ended the stream: the message can be edited from now on.
                answer.is_stream = False
                return True
        if result.ok:
            answer.shown = len(text)
        elif result.outcome is Outcome.RETRY:
            await answer.pause(result.retry_after_s or 1.0)
            return True
        return result.ok

    async def _abandon(self, answer: _LiveAnswer) -> None:
        """End a message whose turn was erased: no delivery will."""
        place = {"channel": answer.room.channel, "ts": answer.ts}
        if answer.is_stream:
            await self._call("chat.stopStream", place, answer)
        else:
            await self._call("chat.update", {**place, **part_message(answer.text)}, answer)

    async def _start_stream(self, answer: _LiveAnswer, text: str) -> ApiResult:
        document = {**_place(answer.room), "markdown_text": text}
        return await self._call("chat.startStream", document, answer)

    async def _append(self, answer: _LiveAnswer, text: str) -> ApiResult:
        document = {"channel": answer.room.channel, "ts": answer.ts, "markdown_text": text}
        return await self._call("chat.appendStream", document, answer)

    async def _post(self, answer: _LiveAnswer, text: str) -> ApiResult:
        # Slack must not fetch addresses that the model has written.
        quiet = {"unfurl_links": False, "unfurl_media": False}
        document = {**_place(answer.room), **quiet, **self._growing(answer, text)}
        return await self._api.call("chat.postMessage", document, team=answer.room.team)

    async def _edit(self, answer: _LiveAnswer, text: str) -> ApiResult:
        document = {"channel": answer.room.channel, "ts": answer.ts}
        return await self._call("chat.update", {**document, **self._growing(answer, text)}, answer)

    def _growing(self, answer: _LiveAnswer, text: str) -> dict[str, Any]:
        message = part_message(f"{text} …")
        blocks = [*message["blocks"], *stop_blocks(answer.turn_id, self._texts)]
        return {**message, "blocks": blocks, "metadata": turn_metadata(answer.turn_id)}

    async def _call(self, method: str, document: dict[str, Any], answer: _LiveAnswer) -> ApiResult:
        return await self._api.call(method, document, team=answer.room.team, keep_alive=True)


def _place(room: Room) -> dict[str, Any]:
    where = {"channel": room.channel}
    return where | ({"thread_ts": room.thread_ts} if room.thread_ts else {})
