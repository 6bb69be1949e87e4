"""Lookups of unconfirmed deliveries in their messenger: found, or sent again.

Only a certain absence sends an answer again. Every other result leaves the delivery unconfirmed,
and it is looked up a few more times until its answer expires.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.delivery.outcome_recorder import PLAIN_DETAIL
from bot.delivery.row_isolation import RowIsolation
from bot.domain.deliveries import DeliveryState
from bot.domain.messenger import LookupOutcome, LookupResult, Messenger, Reconcilable
from bot.observability.database_errors import report_database_error
from bot.observability.metrics import TRACES
from bot.store import reconciliation
from bot.store.delivery_claims import MAX_ATTEMPTS, RECONCILE_DELAY_S
from bot.store.reconciliation import LOOKUP_S, ReconciliationClaim
from bot.store.row_filter import RowFilter
from runtime.backoff import exponential_backoff_s
from runtime.database import DATABASE_ERRORS, is_gone
from runtime.direct import connect_directly

log = structlog.get_logger(__name__)

RECONCILE_EVERY_S = 2.0
BACKOFF_MAX_S = 480.0
#: Upper bound on a messenger's Retry-After.
RETRY_AFTER_MAX_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    """The state of a delivery after a lookup."""

    state: DeliveryState
    detail: str
    again_in_s: float | None = None  #: seconds until the next lookup; None: no more lookups


class Reconciler:
    """Looks up unconfirmed deliveries that are due, one at a time."""

    def __init__(self, *, database: AsyncEngine, messengers: Mapping[str, Messenger]) -> None:
        self._database = database
        self._messengers = messengers
        self._isolation = RowIsolation("claim_lookup")

    async def keep_reconciling(self) -> None:
        """Look up due deliveries, until cancelled."""
        while True:
            pause_s = RECONCILE_EVERY_S
            try:
                pause_s = await self.reconcile_next()
            except DATABASE_ERRORS as error:
                report_database_error("claim_lookup", error)
            await asyncio.sleep(pause_s)

    async def reconcile_next(self) -> float:
        """Look up the delivery that is due first; the pause before the next, in seconds."""
        claim = await self._claim()
        return await self._reconcile(claim) if claim else RECONCILE_EVERY_S

    async def _claim(self) -> ReconciliationClaim | None:
        """Claim the next lookup, if one is due. A row that cannot be claimed is skipped."""
        claims: list[ReconciliationClaim] = []

        async def claim_one(rows: RowFilter) -> None:
            if claims:
                return
            async with connect_directly(self._database) as connection:
                if claim := await reconciliation.claim_one(connection, rows):
                    claims.append(claim)

        async def find(rows: RowFilter) -> list[UUID]:
            async with connect_directly(self._database) as connection:
                return await reconciliation.find_due(connection, rows)

        try:
            await self._isolation.run(claim_one, find)
        except DATABASE_ERRORS as error:
            if not claims:
                raise
            report_database_error("claim_lookup", error)
        return claims[0] if claims else None

    async def _reconcile(self, claim: ReconciliationClaim) -> float:
        """Look up and settle one delivery; the messenger's Retry-After, in seconds."""
        result = await self._look_up(claim)
        verdict = _judge(claim, result)
        if await self._settle(claim, verdict):
            TRACES.labels(claim.messenger, result.outcome.value).inc()
            log.info(
                "turn_trace",
                turn_id=str(claim.turn_id),
                traced=result.outcome.value,
                state=verdict.state.value,
                detail=verdict.detail,
            )
        return min(result.retry_after_s or 0.0, RETRY_AFTER_MAX_S)

    async def _settle(self, claim: ReconciliationClaim, verdict: _Verdict) -> bool:
        """Store the verdict; False: refused or lost, and the delivery is looked up again."""
        for detail in (verdict.detail, PLAIN_DETAIL):
            try:
                async with connect_directly(self._database) as connection:
                    return await reconciliation.settle(
                        connection,
                        claim,
                        verdict.state,
                        detail=detail,
                        again_in_s=verdict.again_in_s,
                    )
            except DATABASE_ERRORS as error:
                report_database_error("settle_lookup", error, [claim.turn_id])
                if is_gone(error):
                    return False
        return False

    async def _look_up(self, claim: ReconciliationClaim) -> LookupResult:
        messenger = self._messengers.get(claim.messenger)
        if not isinstance(messenger, Reconcilable):
            return LookupResult(outcome=LookupOutcome.UNKNOWN, detail="its messenger cannot tell")
        try:
            async with asyncio.timeout(LOOKUP_S):
                return await messenger.look_up(claim.reply_handle, claim.turn_id)
        except Exception as error:
            log.exception("trace_broke", turn_id=str(claim.turn_id))
            return LookupResult(outcome=LookupOutcome.UNKNOWN, detail=type(error).__name__)


def _judge(claim: ReconciliationClaim, result: LookupResult) -> _Verdict:
    unconfirmed = DeliveryState.UNCONFIRMED
    if result.outcome is LookupOutcome.FOUND:
        return _Verdict(state=DeliveryState.DELIVERED, detail=result.detail)
    if claim.expired:
        return _Verdict(state=unconfirmed, detail=f"{result.detail}; too late to send it again")
    if result.outcome is LookupOutcome.UNKNOWN:
        backoff_s = exponential_backoff_s(
            claim.number, base_s=RECONCILE_DELAY_S, max_s=BACKOFF_MAX_S
        )
        again_in_s = max(result.retry_after_s or 0.0, backoff_s)
        return _Verdict(state=unconfirmed, detail=result.detail, again_in_s=again_in_s)
    if claim.attempts >= MAX_ATTEMPTS:
        return _Verdict(state=unconfirmed, detail=f"{result.detail}; tried often enough")
    return _Verdict(state=DeliveryState.PENDING, detail=f"{result.detail}; sent again")
