"""The sync window: the seconds in which a webhook's own response may carry the answer.

An endpoint claims the settled turn, writes the answer into its response and records the outcome.
Otherwise it closes the window and sets the next route.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.delivery.answers import AnswerPresenter
from bot.delivery.outcome_recorder import OutcomeRecord, OutcomeRecorder
from bot.domain.deliveries import NOTHING_SEEN, Answer, DeliveryState, DeliveryVia
from bot.observability.database_errors import report_database_error
from bot.store import deliveries, delivery_claims, sync_windows, turn_outcomes
from bot.store.deliveries import Delivery
from bot.store.delivery_claims import DeliveryClaim
from bot.store.sync_windows import CloseSyncWindow
from runtime.database import DATABASE_ERRORS
from runtime.direct import begin_directly, connect_directly
from runtime.micro_batcher import BatchLimits, MicroBatcher

#: The maximum of windows closed in one statement, and its time-outs together and alone: a webhook
#: waits for it and has 0.6 s left.
WINDOWS = 64
SHARED_S = 0.25
ALONE_S = 0.6


class SyncWindow:
    """The interface of delivery to open webhooks.

    Every method may raise a database error, which is logged and counted here.
    """

    def __init__(
        self, *, database: AsyncEngine, answers: AnswerPresenter, recorder: OutcomeRecorder
    ) -> None:
        self._database = database
        self._autocommit = database.execution_options(isolation_level="AUTOCOMMIT")
        self._answers = answers
        self._recorder = recorder
        # Repeating is safe: a closed window stays closed, and the next route is the same.
        self._closing = MicroBatcher(
            self._close_together,
            key=attrgetter("turn_id"),
            limits=BatchLimits(max_size=WINDOWS, batch_timeout_s=SHARED_S, item_timeout_s=ALONE_S),
        )

    async def claim(
        self,
        turn_id: UUID,
        *,
        via: DeliveryVia,
        states: tuple[DeliveryState, ...],
        was: DeliveryVia | None,
    ) -> tuple[DeliveryClaim, Answer] | None:
        """Claim a settled turn; the claim and the answer. None: another route has the turn.

        Claims only a delivery in one of ``states``, on the route ``was`` if that is given.
        """
        try:
            async with begin_directly(self._database) as connection:
                claim = await delivery_claims.claim(
                    connection, turn_id, via=via, states=states, was=was
                )
                if claim is None:
                    return None
                return claim, await self._answers.settled(connection, claim.turn)
        except DATABASE_ERRORS as error:
            report_database_error("claim", error, [turn_id])
            raise

    def record_soon(
        self, claim: DeliveryClaim, state: DeliveryState, detail: str, *, answer: Answer
    ) -> None:
        """Record the outcome in the background: the messenger's connection does not wait for it.

        ``answer`` is the response's; if DELIVERED, its notices are recorded as shown.
        """
        shown = state is DeliveryState.DELIVERED
        self._recorder.record_soon(
            OutcomeRecord(
                claim=claim,
                state=state,
                detail=detail,
                seen=answer.seen() if shown else NOTHING_SEEN,
            )
        )

    async def close(
        self, turn_id: UUID, *, via: DeliveryVia, state: DeliveryState, after_s: float
    ) -> bool:
        """Close the window of an open webhook and set the next route; False: it was closed.

        ``after_s``: seconds until the next route may start.
        """
        window = CloseSyncWindow(turn_id=turn_id, via=via, state=state, after_s=after_s)
        try:
            return await self._closing.submit(window)
        except DATABASE_ERRORS as error:
            report_database_error("close_sync_window", error, [turn_id])
            raise

    async def show_again(self, turn_id: UUID) -> Answer | None:
        """The answer of a repeated button press, whose first response may have been lost.

        It carries no expiry notice: the arrival of this response is not recorded, so the notice is
        left to the next answer.
        """
        try:
            async with self._database.begin() as connection:
                if not await deliveries.show_again(connection, turn_id):
                    return None
                turn = await turn_outcomes.load_outcome(connection, turn_id)
                return await self._answers.settled(connection, turn, expiry_notices=False)
        except DATABASE_ERRORS as error:
            report_database_error("show_again", error, [turn_id])
            raise

    async def read(self, turn_id: UUID) -> Answer:
        """The answer of a settled turn, for any number of reads; nothing is recorded."""
        async with self._autocommit.connect() as connection:
            turn = await turn_outcomes.load_outcome(connection, turn_id)
            return await self._answers.settled(connection, turn, expiry_notices=False)

    async def find(self, turn_id: UUID) -> Delivery | None:
        """The turn's delivery."""
        try:
            async with self._autocommit.connect() as connection:
                return await deliveries.find(connection, turn_id)
        except DATABASE_ERRORS as error:
            report_database_error("find_delivery", error, [turn_id])
            raise

    async def _close_together(self, windows: Sequence[CloseSyncWindow]) -> list[bool]:
        async with connect_directly(self._database) as connection:
            return await sync_windows.close_sync_windows(connection, windows)
