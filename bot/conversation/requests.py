"""People's requests to the bot itself: stop, ask again, judge, call a human."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.conversation.cancellation import TurnCanceller
from bot.conversation.inbox import ACCEPT_TIMEOUT_S, StoreDownError, store_errors
from bot.domain.conversation_events import EventKind
from bot.domain.feedback import Feedback
from bot.domain.turns import RepeatWindow
from bot.observability.metrics import VOTES
from bot.store import cancellation, feedback, hand_over, recent_events, regeneration
from bot.store.conversations import ConversationKey
from bot.store.feedback import Place
from bot.store.regeneration import NewestTurn
from runtime.timeouts import run_with_timeout

log = structlog.get_logger(__name__)

#: Longer than an accept may take: by then the new turn is the newest one.
TAKEN_FOR = timedelta(seconds=ACCEPT_TIMEOUT_S + 1)


class PersonRequests:
    """Fulfils the requests. Each raises StoreDownError."""

    def __init__(self, *, database: AsyncEngine, canceller: TurnCanceller, human_s: float) -> None:
        """``human_s``: seconds for which the bot is silent after a human was called."""
        self._database = database.execution_options(isolation_level="AUTOCOMMIT")
        self._canceller = canceller
        self._human_s = human_s

    @contextlib.asynccontextmanager
    async def taken(
        self, messenger: str, tenant: str, repeats: RepeatWindow
    ) -> AsyncIterator[bool]:
        """Take a command while it is carried out; False: it is a repeat, such as a replay.

        Given back where Postgres is down: the next request carries it out.
        """
        with store_errors("take_command", down_only=True):
            taking = self._take(messenger, tenant, repeats)
            is_new = await run_with_timeout(ACCEPT_TIMEOUT_S, taking)
        try:
            yield is_new
        except StoreDownError:
            with contextlib.suppress(StoreDownError), store_errors("give_back", down_only=True):
                giving = self._give_back(messenger, tenant, repeats)
                await run_with_timeout(ACCEPT_TIMEOUT_S, giving)
            raise

    async def is_asked(self, messenger: str, tenant: str, event_key: str) -> bool:
        """Whether the event has become a turn, by whichever bot."""
        with store_errors("is_asked", down_only=True):
            asking = self._is_asked(messenger, tenant, event_key)
            return await run_with_timeout(ACCEPT_TIMEOUT_S, asking)

    async def newest_turn(self, conversation: ConversationKey) -> NewestTurn | None:
        """The newest turn since the last reset, to ask it again or to go on with its answer."""
        with store_errors("newest_turn", down_only=True):
            return await run_with_timeout(ACCEPT_TIMEOUT_S, self._newest_turn(conversation))

    async def take_turn(
        self, conversation: ConversationKey, turn: NewestTurn, *, event_key: str
    ) -> bool:
        """Take a turn to ask it again or to go on with it; False: another request has just done so.

        Each of two presses at once may have a callback of its own: they are no repeats. A request
        that is sent again, since it could not be accepted, has the same ``event_key``.
        """
        now = datetime.now(UTC)
        window = RepeatWindow(key=f"turn:{turn.id}", received_at=now, until=now + TAKEN_FOR)
        with store_errors("take_turn", down_only=True):
            taking = self._take(
                conversation.messenger, conversation.tenant, window, event_key=event_key
            )
            return await run_with_timeout(ACCEPT_TIMEOUT_S, taking)

    async def stop(self, conversation: ConversationKey, *, by: str) -> int:
        """Cancel the conversation's unsettled turns; their number. What is written stays."""
        with store_errors("stop", down_only=True):
            return await run_with_timeout(ACCEPT_TIMEOUT_S, self._stop(conversation, by))

    async def stop_turn(
        self, turn_id: UUID, *, messenger: str, tenant: str, room: str, by: str
    ) -> bool:
        """Cancel one unsettled turn of the room; False: the room has no such turn."""
        with store_errors("stop", down_only=True, turn_id=turn_id):
            place = {"messenger": messenger, "tenant": tenant, "room": room}
            return await run_with_timeout(ACCEPT_TIMEOUT_S, self._stop_turn(turn_id, place, by))

    async def vote(self, given: Feedback, place: Place) -> bool:
        """Record or change a vote; False: the place has no such answer."""
        with store_errors("vote", down_only=True, turn_id=given.turn_id):
            known = await run_with_timeout(ACCEPT_TIMEOUT_S, self._vote(given, place))
        log.info("vote" if known else "foreign_vote", turn_id=str(given.turn_id))
        if known:
            VOTES.labels(place.messenger, given.vote.value).inc()
        return known

    async def call_human(self, conversation: ConversationKey, *, by: str) -> bool:
        """Silence the bot in the conversation, until ``end_human`` or the end of the time.

        False: a human answers already.
        """
        with store_errors("call_human", down_only=True):
            new = await run_with_timeout(ACCEPT_TIMEOUT_S, self._call_human(conversation, by))
        log.info("human_called", messenger=conversation.messenger, new=new)
        return new

    async def end_human(self, conversation: ConversationKey, *, by: str) -> bool:
        """Let the bot answer again; False: no human was called."""
        with store_errors("end_human", down_only=True):
            return await run_with_timeout(ACCEPT_TIMEOUT_S, self._end_human(conversation, by))

    async def human_answers(self, conversation: ConversationKey) -> bool:
        """Whether a human answers in the conversation now."""
        with store_errors("human_answers", down_only=True):
            return await run_with_timeout(ACCEPT_TIMEOUT_S, self._human_answers(conversation))

    async def note(
        self, conversation: ConversationKey, kind: EventKind, detail: Mapping[str, Any]
    ) -> None:
        """Log an event of the conversation."""
        with store_errors("note_event", down_only=True):
            await run_with_timeout(ACCEPT_TIMEOUT_S, self._note(conversation, kind, detail))

    async def _take(
        self, messenger: str, tenant: str, repeats: RepeatWindow, *, event_key: str = ""
    ) -> bool:
        async with self._database.connect() as connection:
            return await recent_events.take(
                connection, messenger, tenant, _command(repeats), event_key=event_key
            )

    async def _give_back(self, messenger: str, tenant: str, repeats: RepeatWindow) -> None:
        async with self._database.connect() as connection:
            await recent_events.give_back(connection, messenger, tenant, _command(repeats))

    async def _is_asked(self, messenger: str, tenant: str, event_key: str) -> bool:
        async with self._database.connect() as connection:
            return await regeneration.is_asked(connection, messenger, tenant, event_key)

    async def _newest_turn(self, conversation: ConversationKey) -> NewestTurn | None:
        async with self._database.connect() as connection:
            return await regeneration.newest_turn(connection, conversation)

    async def _stop(self, conversation: ConversationKey, by: str) -> int:
        async with self._database.connect() as connection:
            turn_ids = await cancellation.mark_stopped(connection, conversation, by=by)
        # The newest first: an earlier one that ends would let it begin.
        return sum([await self._canceller.cancel(turn_id) for turn_id in turn_ids])

    async def _stop_turn(self, turn_id: UUID, place: Mapping[str, str], by: str) -> bool:
        async with self._database.connect() as connection:
            known = await cancellation.mark_turn_stopped(connection, turn_id, by=by, **place)
        return known and await self._canceller.cancel(turn_id)

    async def _vote(self, given: Feedback, place: Place) -> bool:
        async with self._database.connect() as connection:
            return await feedback.vote(connection, given, place)

    async def _call_human(self, conversation: ConversationKey, by: str) -> bool:
        async with self._database.connect() as connection:
            return await hand_over.call_human(
                connection, conversation, seconds=self._human_s, actor=by
            )

    async def _end_human(self, conversation: ConversationKey, by: str) -> bool:
        async with self._database.connect() as connection:
            return await hand_over.end_human(connection, conversation, actor=by)

    async def _human_answers(self, conversation: ConversationKey) -> bool:
        async with self._database.connect() as connection:
            return await hand_over.human_answers(connection, conversation)

    async def _note(
        self, conversation: ConversationKey, kind: EventKind, detail: Mapping[str, Any]
    ) -> None:
        async with self._database.connect() as connection:
            await hand_over.note_event(connection, conversation, kind, detail=detail)


def _command(repeats: RepeatWindow) -> RepeatWindow:
    return replace(repeats, key=f"command:{repeats.key}")
