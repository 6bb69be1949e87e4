"""Threads and direct channels as a route of delivery, with their look-up."""

from __future__ import annotations

from uuid import UUID

import structlog

from bot.domain.deliveries import Answer, DeliveryResult, Outcome, ReplyHandle
from bot.domain.messenger import LookupOutcome, LookupResult
from bot.domain.posts import PostState
from bot.messengers.slack.conversations import room_of
from bot.messengers.slack.post_log import PostLog
from bot.messengers.slack.status import StatusLine
from bot.messengers.slack.thread_delivery import ThreadDelivery, asked_at
from bot.messengers.slack.web_api import WebApi
from runtime.database import DATABASE_ERRORS

log = structlog.get_logger(__name__)

_NO_ROOM = "the room is not known"


class SlackThreads:
    """Delivers to rooms, and says afterwards what is shown there."""

    def __init__(
        self, delivery: ThreadDelivery, web_api: WebApi, post_log: PostLog, status: StatusLine
    ) -> None:
        self._delivery = delivery
        self._web_api = web_api
        self._posts = post_log
        self._status = status

    async def deliver(self, handle: ReplyHandle, answer: Answer) -> DeliveryResult:
        """Show the answer, or finish what is shown of it."""
        room = room_of(handle)
        if room is None:
            return DeliveryResult(outcome=Outcome.REFUSED, detail=_NO_ROOM)
        self._status.shown(room)
        try:
            result = await self._delivery.deliver(handle, room, answer)
        except DATABASE_ERRORS as error:
            # What was posted before is recorded, or found by its name.
            detail = f"not finished: {type(error).__name__}"
            return DeliveryResult(outcome=Outcome.UNCONFIRMED, detail=detail)
        if result.outcome is Outcome.DELIVERED:
            self._status.end(room)
        return result

    async def look_up(self, handle: ReplyHandle, turn_id: UUID) -> LookupResult:
        """Whether the whole answer is shown. One that is begun counts as absent: it is finished."""
        room = room_of(handle)
        if room is None:
            return LookupResult(outcome=LookupOutcome.UNKNOWN, detail=_NO_ROOM)
        try:
            posts = await self._posts.of_turn(turn_id)
        except DATABASE_ERRORS as error:
            return LookupResult(outcome=LookupOutcome.UNKNOWN, detail=type(error).__name__)
        growing = (PostState.STREAMING, PostState.WRITING)
        if any(post.state in growing or post.is_live for post in posts.values()) and not all(
            post.state is PostState.FINAL for post in posts.values()
        ):
            return LookupResult(outcome=LookupOutcome.ABSENT, detail="begun, and not finished")
        found = await self._web_api.find(room, turn_id, asked_at(handle), handle.address.get("app"))
        if found.outcome is LookupOutcome.FOUND:
            await self._note_found(turn_id, max(posts, default=0), found.message_id)
        return found

    async def _note_found(self, turn_id: UUID, part: int, ts: str) -> None:
        """The last message is shown as it should be: the earlier ones were noted before it."""
        try:
            await self._posts.note(turn_id, part, PostState.FINAL, ts)
        except DATABASE_ERRORS as error:
            log.warning("slack_post_not_noted", turn_id=str(turn_id), error=type(error).__name__)
