"""The entrance of conversations: utterances, resets, cancellations."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admission.admission import Admission
from bot.conversation.accept_batcher import AcceptBatcher
from bot.conversation.cancellation import TurnCanceller
from bot.conversation.early_planner import EarlyPlanner
from bot.conversation.scheduler import ConversationScheduler
from bot.domain.bot_config import ConfigLookup, nothing_set
from bot.domain.turns import Person, RepeatWindow, Utterance
from bot.observability.database_errors import report_fault
from bot.observability.metrics import ACCEPT_SECONDS
from bot.store import conversations
from bot.store.inbox import Accepted
from runtime.database import DATABASE_ERRORS, is_gone
from runtime.fault_kind import FaultKind, fault_kind
from runtime.timeouts import run_with_timeout

log = structlog.get_logger(__name__)

#: A slower accept is answered with a sentence, before the messenger's own time-out.
ACCEPT_TIMEOUT_S = 2.0


class StoreDownError(Exception):
    """Postgres is unreachable or too slow: the person has to try again later."""


class StoreFaultError(Exception):
    """Postgres refuses this message, and nothing of it was stored: it has to be reworded."""


class Inbox:
    """Accepts utterances as turns and hands their conversations to the scheduler."""

    def __init__(
        self,
        *,
        database: AsyncEngine,
        admission: Admission,
        canceller: TurnCanceller,
        scheduler: ConversationScheduler,
        early: EarlyPlanner,
        max_waiting_turns: int = 0,
        config_for: ConfigLookup = nothing_set,
    ) -> None:
        """``max_waiting_turns``: unsettled turns of a conversation; 0: no bound.

        ``config_for``: a scope's own bound.
        """
        self._database = database.execution_options(isolation_level="AUTOCOMMIT")
        self._early = early
        self._batcher = AcceptBatcher(
            database,
            plan_early=early.plan,
            max_waiting_turns=max_waiting_turns,
            config_for=config_for,
        )
        self._admission = admission
        self._canceller = canceller
        self._scheduler = scheduler

    async def rejection(self, utterance: Utterance) -> str:
        """The sentence for an utterance that is not admitted now; "" for an admitted one."""
        return await self._admission.rejection(utterance)

    def is_blocked(self, person: Person) -> bool:
        """Whether an admin has blocked the person; ``rejection`` has the sentence."""
        return self._admission.is_blocked(person)

    async def submit(self, utterance: Utterance) -> Accepted:
        """Commit the utterance as a turn.

        Raises StoreDownError, StoreFaultError, ConversationFullError, HumanAnswersError.
        """
        started = time.monotonic()
        with store_errors("accept", messenger=utterance.messenger):
            # Only a future is awaited here, so a cancellation takes effect at once.
            async with asyncio.timeout(ACCEPT_TIMEOUT_S):
                accepted = await self._batcher.accept(utterance)
        ACCEPT_SECONDS.labels(utterance.messenger).observe(time.monotonic() - started)
        log.info(
            "turn_received" if accepted.new else "turn_repeated",
            turn_id=str(accepted.turn_id),
            messenger=utterance.messenger,
        )
        if accepted.new:
            self._admission.add(utterance, waiting=accepted.waiting)
            self._early.note_accepted(utterance, accepted)
            self._schedule(accepted)
        return accepted

    def _schedule(self, accepted: Accepted) -> None:
        if accepted.job_id is not None:
            self._scheduler.note_queued(accepted.turn_id, accepted.job_id)
        else:
            self._scheduler.schedule_soon(accepted.conversation_id, accepted.conversation)

    async def reset(
        self, *, messenger: str, tenant: str, key: str, repeats: RepeatWindow | None
    ) -> None:
        """Begin a new epoch: later prompts exclude earlier turns. Raises StoreDownError.

        A repeated reset, such as a replay of its request, changes nothing; None: each is new.
        """
        with store_errors("reset", messenger=messenger, down_only=True):
            work = self._reset(messenger, tenant, key, repeats)
            await run_with_timeout(ACCEPT_TIMEOUT_S, work)

    async def cancel(self, turn_id: UUID) -> bool:
        """Request the cancellation of the turn; False: the turn has its result.

        A waiting or queued turn is cancelled at once, a generating one within about a second.
        Raises StoreDownError.
        """
        with store_errors("cancel", down_only=True, turn_id=turn_id):
            return await run_with_timeout(ACCEPT_TIMEOUT_S, self._canceller.cancel(turn_id))

    async def _reset(
        self, messenger: str, tenant: str, key: str, repeats: RepeatWindow | None
    ) -> None:
        async with self._database.connect() as connection:
            await conversations.reset(
                connection, messenger=messenger, tenant=tenant, key=key, repeats=repeats
            )


@contextlib.contextmanager
def store_errors(statement: str, *, down_only: bool = False, **ids: object) -> Iterator[None]:
    """Translate database errors into StoreDownError and StoreFaultError.

    ``down_only``: there is no message to reword. ``ids`` are logged.
    """
    try:
        yield
    except Exception as error:
        kind = fault_kind(error)
        if not isinstance(error, DATABASE_ERRORS) and kind is not FaultKind.ROW:
            raise
        if is_gone(error):
            log.error("store_down", statement=statement, error=type(error).__name__, **_texts(ids))
        else:
            report_fault(statement, error, ids=ids)
        if down_only or is_gone(error) or kind is not FaultKind.ROW:
            raise StoreDownError from error
        raise StoreFaultError from error


def _texts(ids: dict[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in ids.items()}
