"""What went out and got no answer, looked up by its messenger's means: found, or sent again.

Only an absence that the messenger is sure of sends anything again; whatever else comes back
leaves the delivery unconfirmed, to be asked about a few times more while its answer has worth.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.deliveries import DeliveryState
from bot.domain.messenger import LookupOutcome, LookupResult, Messenger, Reconcilable
from bot.observability.metrics import TRACES
from bot.store import reconciliation
from bot.store.deliveries import MAX_ATTEMPTS
from bot.store.reconciliation import RECONCILE_DELAY_S, TRACE_S, ReconciliationClaim
from bot.store.reply_handles import load_handle
from runtime.database import DATABASE_ERRORS

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 2.0
AGAIN_MAX_S = 480.0
#: The longest that a messenger's wish to be left alone is believed.
PAUSE_MAX_S = 120.0


class Reconciler:
    """Traces what is due, one delivery at a time."""

    def __init__(self, *, database: AsyncEngine, messengers: Mapping[str, Messenger]) -> None:
        self._database = database.execution_options(isolation_level="AUTOCOMMIT")
        self._messengers = messengers

    async def keep_tracing(self) -> None:
        """Look up what is due, until cancelled."""
        while True:
            pause_s = LOOK_EVERY_S
            try:
                pause_s = await self.trace_next()
            except DATABASE_ERRORS as error:
                log.warning("database_gone", error=type(error).__name__)
            await asyncio.sleep(pause_s)

    async def trace_next(self) -> float:
        """Look up the delivery that is due first; in how many seconds to look for the next."""
        async with self._database.connect() as connection:
            claim = await reconciliation.claim_one(connection)
        if claim is None:
            return LOOK_EVERY_S
        trace = await self._trace(claim)
        state, again_in_s, words = _outcome(claim, trace)
        detail = f"{trace.detail}{words}"
        async with self._database.connect() as connection:
            settled = await reconciliation.settle(
                connection, claim, state, detail=detail, again_in_s=again_in_s
            )
        if settled:
            TRACES.labels(claim.messenger, trace.traced.value).inc()
            log.info(
                "turn_trace",
                turn_id=str(claim.turn_id),
                traced=trace.traced.value,
                state=state.value,
                detail=detail,
            )
        return min(trace.retry_after_s or 0.0, PAUSE_MAX_S)

    async def _trace(self, claim: ReconciliationClaim) -> LookupResult:
        messenger = self._messengers.get(claim.messenger)
        if not isinstance(messenger, Reconcilable):
            return LookupResult(traced=LookupOutcome.UNKNOWN, detail="its messenger cannot tell")
        try:
            async with asyncio.timeout(TRACE_S):
                return await messenger.trace(load_handle(claim.reply_handle), claim.turn_id)
        except Exception as error:
            log.exception("trace_broke", turn_id=str(claim.turn_id))
            return LookupResult(traced=LookupOutcome.UNKNOWN, detail=type(error).__name__)


def _outcome(
    claim: ReconciliationClaim, trace: LookupResult
) -> tuple[DeliveryState, float | None, str]:
    """What a trace makes of the delivery, when to trace it once more, and words for the ledger."""
    if trace.traced is LookupOutcome.FOUND:
        return DeliveryState.DELIVERED, None, ""
    if claim.expired:
        return DeliveryState.UNCONFIRMED, None, "; too late to send it again"
    if trace.traced is LookupOutcome.UNKNOWN:
        backoff_s = min(RECONCILE_DELAY_S * 2.0 ** (claim.number - 1), AGAIN_MAX_S)
        return DeliveryState.UNCONFIRMED, max(trace.retry_after_s or 0.0, backoff_s), ""
    if claim.attempts >= MAX_ATTEMPTS:
        return DeliveryState.UNCONFIRMED, None, "; tried often enough"
    return DeliveryState.PENDING, None, "; sent again"
