"""Answers shown while they are written: as a stream in direct messages, by edits in channels.

A stream grows by pieces; Slack ends it after about five minutes (slack.md 3.3), and the rest comes
by edits. The writer never finishes an answer: the delivery does, whatever the writer has reached.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from uuid import UUID

import structlog

from bot.conversation.live_turns import LiveTurns
from bot.conversation.settlement_waiters import SettlementWaiters
from bot.domain.turns import Utterance
from bot.messengers.slack.api import SlackApi
from bot.messengers.slack.conversations import room_of
from bot.messengers.slack.live_answers import LiveAnswers
from bot.messengers.slack.live_messages import LiveAnswer, LiveMessages
from bot.messengers.slack.post_log import PostLog
from bot.messengers.slack.settings import SlackSettings
from bot.messengers.slack.status import StatusLine
from bot.messengers.slack.web_api import Room
from bot.text.catalog import Texts
from runtime.database import DATABASE_ERRORS
from runtime.tasks import TaskSet

log = structlog.get_logger(__name__)

#: Answers written live at once; beyond it they are posted when they are whole.
MAX_LIVE = 600


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
        answers: LiveAnswers,
        status: StatusLine,
    ) -> None:
        self._settings = settings
        self._texts = texts
        self._slack = LiveMessages(api, post_log, texts, status)
        self._status = status
        self._live = live
        self._waiters = waiters
        self._answers = answers
        self._tasks = TaskSet()

    def write(self, turn_id: UUID, utterance: Utterance) -> bool:
        """Begin to write the turn's answer live, where its room allows it; whether it does."""
        room = room_of(utterance.reply)
        as_stream = utterance.reply.address.get("kind") == "direct"
        wanted = (
            self._settings.streaming if as_stream else self._settings.channel_answers == "edits"
        )
        # A stream belongs into a thread.
        if room is None or not wanted or (as_stream and not room.thread_ts):
            return False
        if len(self._tasks) >= MAX_LIVE:
            return False
        left_s = (utterance.reply.expires_at - datetime.now(UTC)).total_seconds()
        self._tasks.start(self._write(turn_id, room, as_stream, left_s), name="slack live answer")
        return True

    async def close(self) -> None:
        """Stop writing: the deliveries finish the answers."""
        await self._tasks.cancel()

    async def _write(self, turn_id: UUID, room: Room, as_stream: bool, left_s: float) -> None:
        with (
            contextlib.suppress(TimeoutError),
            self._live.following(turn_id) as live,
            self._waiters.following(turn_id, wakes=live.changed) as settled,
        ):
            async with asyncio.timeout(left_s):
                answer = LiveAnswer(turn_id, room, live, settled)
                try:
                    if not await answer.has_text():
                        self._status.shown(room, whole=True)
                        return
                    self._answers.keep(turn_id, answer.shown)
                    if await self._slack.begin(answer, as_stream):
                        await self._slack.keep_writing(answer)
                except DATABASE_ERRORS as error:
                    log.warning(
                        "slack_live_broke", turn_id=str(turn_id), error=type(error).__name__
                    )
