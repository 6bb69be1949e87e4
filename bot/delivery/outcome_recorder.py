"""Records of outcomes, retried through outages: a sent answer must not count as lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.delivery.retry_policy import cautious_state
from bot.domain.deliveries import NOTHING_SEEN, DeliveryState, Seen
from bot.observability.database_errors import report_database_error
from bot.store import delivery_outcomes
from bot.store.delivery_claims import DeliveryClaim
from runtime.database import DATABASE_ERRORS, is_gone
from runtime.direct import connect_directly
from runtime.fault_kind import FaultKind, fault_kind
from runtime.tasks import TaskSet

log = structlog.get_logger(__name__)

#: How long an outcome is retried that Postgres refuses.
RECORD_RETRY_S = 600.0
RETRY_POLL_S = 0.3
RETRY_POLL_MAX_S = 15.0
#: The detail in place of a messenger's text that cannot be stored.
PLAIN_DETAIL = "fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRecord:
    """The outcome of one claim, ready to be written."""

    claim: DeliveryClaim
    state: DeliveryState
    detail: str = ""
    retry_in_s: float = 0.0
    counts: bool = True  #: as an attempt
    seen: Seen = NOTHING_SEEN  #: by the person, if the answer was shown


class OutcomeRecorder:
    """Records each outcome: as it is, else without its details, else as a cautious state.

    A claim that others recovered as lost is still recorded, unless a newer claim exists.
    """

    def __init__(self, *, database: AsyncEngine, in_flight: TaskSet) -> None:
        self._database = database
        self._in_flight = in_flight

    async def record(self, record: OutcomeRecord) -> None:
        """Record the outcome; a failure is retried in the background."""
        try:
            await self._write(record)
        except DATABASE_ERRORS as error:
            self._report(record, error)
            self._in_flight.start(self._keep_trying(record, error))

    def record_soon(self, record: OutcomeRecord) -> None:
        """Record the outcome in the background: the messenger's connection does not wait for it."""
        self._in_flight.start(self.record(record))

    async def _keep_trying(self, record: OutcomeRecord, error: BaseException) -> None:
        gives_up_at = time.monotonic() + RECORD_RETRY_S
        pause_s = RETRY_POLL_S
        while time.monotonic() < gives_up_at:
            if not _passes(error):
                left = await self._write_cautiously(record)
                if left is None:
                    return
                if not _passes(left):
                    break
            await asyncio.sleep(pause_s)
            left = await self._write_again(record, error)
            if left is None:
                return
            error = left
            if not is_gone(error):
                pause_s = min(pause_s * 2, RETRY_POLL_MAX_S)
        self._give_up(record, error)

    async def _write_again(
        self, record: OutcomeRecord, before: BaseException
    ) -> BaseException | None:
        """Record the outcome; the error if that fails again."""
        try:
            await self._write(record)
        except DATABASE_ERRORS as error:
            # An outage is logged once, not with every retry.
            if type(error) is not type(before) or not is_gone(error):
                self._report(record, error)
            return error
        return None

    async def _write_cautiously(self, record: OutcomeRecord) -> BaseException | None:
        """Record a reduced outcome; the last error if the database refuses each reduction."""
        last: BaseException | None = None
        for reduced in _reductions(record):
            try:
                await self._write(reduced)
            except DATABASE_ERRORS as error:
                self._report(record, error)
                last = error
            else:
                return None
        return last

    @staticmethod
    def _give_up(record: OutcomeRecord, error: BaseException) -> None:
        """Log the loss: the claim runs out and is recovered as that of a dead process."""
        log.error(
            "outcome_lost",
            turn_id=str(record.claim.turn_id),
            claim=record.claim.number,
            via=record.claim.via.value,
            state=record.state.value,
            error=type(error).__name__,
        )

    async def _write(self, record: OutcomeRecord) -> None:
        async with connect_directly(self._database) as connection:
            await delivery_outcomes.record(
                connection,
                record.claim,
                record.state,
                detail=record.detail,
                retry_in_s=record.retry_in_s,
                counts=record.counts,
                seen=record.seen,
            )

    @staticmethod
    def _report(record: OutcomeRecord, error: BaseException) -> None:
        report_database_error("record", error, [record.claim.turn_id])


def _passes(error: BaseException) -> bool:
    """Whether a later try may succeed: after an outage, or a lock of another transaction."""
    return is_gone(error) or fault_kind(error) is FaultKind.TRANSIENT


def _reductions(record: OutcomeRecord) -> Iterator[OutcomeRecord]:
    reduced = replace(record, detail=PLAIN_DETAIL, seen=NOTHING_SEEN)
    yield reduced
    if (state := cautious_state(record.claim, record.state)) is not record.state:
        yield replace(reduced, state=state, retry_in_s=0.0)
