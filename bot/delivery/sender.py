"""The sending of one claim: the answer to its messenger, the outcome to the ledger.

A clean refusal is retried. An answer that may have arrived is never repeated blindly: for Kakao it
becomes held, for Slack unconfirmed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.delivery.answers import AnswerPresenter
from bot.delivery.outcome_recorder import OutcomeRecord, OutcomeRecorder
from bot.delivery.retry_policy import RECONCILABLE_ATTEMPTS, next_state
from bot.domain.deliveries import NOTHING_SEEN, Answer, DeliveryResult, Outcome
from bot.domain.messenger import Messenger, Reconcilable
from bot.observability.database_errors import report_database_error
from bot.observability.metrics import DELIVERIES
from bot.store import reconciliation
from bot.store.delivery_claims import DeliveryClaim
from runtime.database import DATABASE_ERRORS
from runtime.direct import connect_directly

log = structlog.get_logger(__name__)


class DeliverySender:
    """Sends claimed deliveries, reconcilably where possible."""

    def __init__(
        self,
        *,
        database: AsyncEngine,
        messengers: Mapping[str, Messenger],
        answers: AnswerPresenter,
        recorder: OutcomeRecorder,
    ) -> None:
        self._database = database
        self._messengers = messengers
        # Asked once: Python looks at every member of a protocol each time.
        self._reconcilable = {
            name: one for name, one in messengers.items() if isinstance(one, Reconcilable)
        }
        self._answers = answers
        self._recorder = recorder

    async def send(self, claim: DeliveryClaim) -> None:
        """Show the claim's answer once and record the outcome."""
        turn = claim.turn
        answer = await self._answers.due(turn)
        try:
            result = await self._show(self._messengers.get(turn.messenger), claim, answer)
        except Exception as error:
            log.exception("delivery_broke", turn_id=str(turn.id))
            result = DeliveryResult(outcome=Outcome.UNCONFIRMED, detail=type(error).__name__)
        state, retry_in_s = next_state(claim, result, held=answer.hold)
        shown = result.outcome is Outcome.DELIVERED
        await self._recorder.record(
            OutcomeRecord(
                claim=claim,
                state=state,
                detail=result.detail,
                retry_in_s=retry_in_s,
                counts=result.tried,
                seen=answer.seen(result.finished) if shown else NOTHING_SEEN,
            )
        )
        DELIVERIES.labels(turn.messenger, claim.via.value, state.value).inc()
        log.info(
            "turn_delivery",
            turn_id=str(turn.id),
            via=claim.via.value,
            outcome=result.outcome.value,
            state=state.value,
            detail=result.detail,
        )

    async def _show(
        self, messenger: Messenger | None, claim: DeliveryClaim, answer: Answer
    ) -> DeliveryResult:
        """Show the answer by a reconcilable route if there is one, else by any.

        Unmarked before another route: a lookup would find nothing and send it twice.
        """
        if messenger is None:
            # A bot of a newer version, which runs beside this one, may know the messenger.
            return DeliveryResult(outcome=Outcome.RETRY, detail="this version lacks the messenger")
        handle = claim.turn.reply_handle
        if not claim.marked:
            return await messenger.deliver(handle, claim.via, answer)
        if claim.is_stale:
            return DeliveryResult(outcome=Outcome.RETRY, detail="not sent: too late for its claim")
        result = DeliveryResult(outcome=Outcome.RETRY, detail="not sent: marked", tried=False)
        reconcilable = self._reconcilable.get(claim.turn.messenger)
        if reconcilable is not None and _reconcilable(reconcilable, claim):
            result = await reconcilable.deliver_reconcilably(handle, answer)
            if result.outcome is not Outcome.REFUSED:
                return result
        if await self._unmark(claim):
            return await messenger.deliver(handle, claim.via, answer)
        return replace(result, outcome=Outcome.RETRY)

    async def _unmark(self, claim: DeliveryClaim) -> bool:
        try:
            async with connect_directly(self._database) as connection:
                return await reconciliation.unmark(connection, claim)
        except DATABASE_ERRORS as error:
            report_database_error("unmark", error, [claim.turn_id])
            return False


def _reconcilable(messenger: Reconcilable, claim: DeliveryClaim) -> bool:
    """Whether the post is sent so that it can be found: the last attempts take any other route."""
    handle = claim.turn.reply_handle
    return messenger.is_reconcilable(handle) and (
        claim.attempts <= RECONCILABLE_ATTEMPTS or not messenger.has_other_route(handle)
    )
