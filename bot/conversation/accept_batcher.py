"""The accept: utterances committed to Postgres before any acknowledgement."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.bot_config import ConfigLookup, nothing_set
from bot.domain.turns import Utterance
from bot.store import inbox
from bot.store.early_jobs import EarlyJob
from bot.store.inbox import Accepted, NotAccepted
from runtime.direct import connect_directly
from runtime.micro_batcher import BatchLimits, MicroBatcher

BATCH = 64
#: Each text is taken apart for the search on the event loop: so many characters take 10 ms.
BATCH_CHARS = 40_000
#: Far above the duration of a shared statement, and short enough for a second try.
SHARED_S = 0.5
ALONE_S = 2.0

#: The jobs planned for utterances: one or None for each; empty: none at all.
PlanEarly = Callable[[Sequence[Utterance]], Awaitable[Sequence[EarlyJob | None]]]


async def _plan_nothing(_: Sequence[Utterance]) -> Sequence[EarlyJob | None]:
    return ()


class ConversationFullError(Exception):
    """The conversation has as many unsettled turns as allowed, and nothing was stored."""


class HumanAnswersError(Exception):
    """A human answers in the conversation: the bot is silent, and nothing was stored."""


class AcceptBatcher:
    """Accepts concurrent utterances in one statement."""

    def __init__(
        self,
        database: AsyncEngine,
        *,
        plan_early: PlanEarly = _plan_nothing,
        max_waiting_turns: int = 0,
        config_for: ConfigLookup = nothing_set,
    ) -> None:
        """``plan_early``: plans the jobs that may be queued with their utterances.

        ``max_waiting_turns``: unsettled turns of a conversation; 0: no bound.

        ``config_for``: a scope's own bound.
        """
        self._max_waiting_turns = max_waiting_turns
        self._config_for = config_for
        self._plan_early = plan_early
        self._database = database
        # Repeating is safe: an event that was committed is recognized by its key.
        self._batcher: MicroBatcher[Utterance, Accepted | NotAccepted] = MicroBatcher(
            self._accept,
            key=_conversation,
            limits=BatchLimits(
                max_size=BATCH,
                batch_timeout_s=SHARED_S,
                item_timeout_s=ALONE_S,
                max_weight=BATCH_CHARS,
            ),
            weight=_chars,
        )

    async def accept(self, utterance: Utterance) -> Accepted:
        """Commit the utterance as a turn.

        Raises ConversationFullError, HumanAnswersError, database errors.
        """
        accepted = await self._batcher.submit(utterance)
        if accepted is NotAccepted.FULL:
            raise ConversationFullError
        if accepted is NotAccepted.HUMAN:
            raise HumanAnswersError
        return accepted

    async def _accept(self, utterances: Sequence[Utterance]) -> list[Accepted | NotAccepted]:
        jobs = await self._plan_early(utterances)
        async with connect_directly(self._database) as connection:
            return await inbox.accept(
                connection, utterances, max_waiting=self._max_waiting, jobs=jobs
            )

    def _max_waiting(self, utterance: Utterance) -> int:
        config = self._config_for(utterance.messenger, utterance.tenant, utterance.room)
        own = config.values.max_waiting_turns
        return self._max_waiting_turns if own is None else own


def _chars(utterance: Utterance) -> int:
    # A message with a picture goes alone: no text waits for its bytes in one statement.
    return len(utterance.text) + sum(len(picture.content) for picture in utterance.pictures)


def _conversation(utterance: Utterance) -> tuple[str, str, str]:
    return utterance.messenger, utterance.tenant, utterance.conversation_key
