"""One message, one deed: a mention comes in two events, and Slack sends each up to four times.

A question is one turn by its key. Everything else is claimed in Postgres before it is done, for the
events of one message may reach two bots.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator
from datetime import timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.conversation.inbox import ACCEPT_TIMEOUT_S, StoreDownError, store_errors
from bot.domain.turns import RepeatWindow, Utterance
from bot.store import recent_events
from runtime.timeouts import run_with_timeout

log = structlog.get_logger(__name__)

#: Slack repeats an event for five minutes.
REPEAT_WINDOW = timedelta(minutes=10)
#: Messages of which this process knows that they are handled.
MAX_KNOWN = 10_000


class Repeats:
    """Tells the first event of a message from its repeats."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database.execution_options(isolation_level="AUTOCOMMIT")
        self._running: dict[tuple[str, str], asyncio.Event] = {}
        self._done: OrderedDict[tuple[str, str], None] = OrderedDict()

    @contextlib.asynccontextmanager
    async def handling(self, utterance: Utterance) -> AsyncIterator[bool]:
        """One event of the message at a time; False: another one was handled in this process.

        After an error the next event is handled.
        """
        key = utterance.tenant, utterance.event_key
        while (other := self._running.get(key)) is not None:
            await other.wait()
        if key in self._done:
            yield False
            return
        ended = self._running[key] = asyncio.Event()
        try:
            yield True
            self._remember(key)
        finally:
            del self._running[key]
            ended.set()

    @contextlib.asynccontextmanager
    async def claimed(self, utterance: Utterance) -> AsyncIterator[bool]:
        """Claim the deed of a message; False: it is done. Given back where Postgres is down.

        Raises StoreDownError.
        """
        window = repeat_window(utterance, f"deed:{utterance.event_key}")
        with store_errors("take_event", down_only=True):
            is_first = await run_with_timeout(ACCEPT_TIMEOUT_S, self._take(utterance, window))
        try:
            yield is_first
        except StoreDownError:
            with contextlib.suppress(StoreDownError), store_errors("give_back", down_only=True):
                await run_with_timeout(ACCEPT_TIMEOUT_S, self._give_back(utterance, window))
            raise

    def _remember(self, key: tuple[str, str]) -> None:
        if len(self._done) >= MAX_KNOWN:
            self._done.popitem(last=False)
        self._done[key] = None

    async def _take(self, utterance: Utterance, window: RepeatWindow) -> bool:
        async with self._database.connect() as connection:
            return await recent_events.take(
                connection, utterance.messenger, utterance.tenant, window
            )

    async def _give_back(self, utterance: Utterance, window: RepeatWindow) -> None:
        async with self._database.connect() as connection:
            await recent_events.give_back(connection, utterance.messenger, utterance.tenant, window)


def repeat_window(utterance: Utterance, key: str) -> RepeatWindow:
    """The time within which an event with this key is a repeat of the message."""
    received_at = utterance.received_at
    return RepeatWindow(key=key, received_at=received_at, until=received_at + REPEAT_WINDOW)
