"""Claims of due deliveries: isolated from rows at fault, released if Postgres did not answer."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.delivery.row_isolation import RowIsolation
from bot.domain.messenger import Messenger, Reconcilable
from bot.observability.database_errors import report_database_error
from bot.store import delivery_claims, delivery_outcomes, delivery_recovery
from bot.store.delivery_claims import CLAIM_S, DeliveryClaim
from bot.store.row_filter import RowFilter
from runtime.database import DATABASE_ERRORS, fault_fields, is_gone, sqlstate
from runtime.direct import connect_directly

#: The interval of releases: an unanswered claim may still be committed after the first.
RELEASE_EVERY_S = 1.0


class DeliveryClaimer:
    """Claims due deliveries. A row that cannot be claimed becomes a dead letter or is skipped."""

    def __init__(self, *, database: AsyncEngine, messengers: Mapping[str, Messenger]) -> None:
        self._autocommit = database.execution_options(isolation_level="AUTOCOMMIT")
        #: Messengers that may find a post afterwards: their claims are marked.
        self.marking = frozenset(
            name
            for name, one in messengers.items()
            if isinstance(one, Reconcilable) and one.can_reconcile
        )
        self._database = database
        self._unanswered = UnansweredClaims(database)
        self._isolation = RowIsolation("claim_due", on_fault=self._bury)

    async def claim(
        self,
        limit: int,
        turn_ids: Sequence[UUID] | None = None,
        *,
        without: Collection[str] = (),
    ) -> list[DeliveryClaim]:
        """Claim due deliveries, only of ``turn_ids`` if given. Raises if the database is gone.

        ``without``: messengers whose deliveries stay pending.
        """
        await self._unanswered.release()
        claims: list[DeliveryClaim] = []

        async def claim_some(rows: RowFilter) -> None:
            claims.extend(await self._claim_once(limit, rows, without))

        async def find(rows: RowFilter) -> list[UUID]:
            async with self._autocommit.connect() as connection:
                return await delivery_claims.find_due(connection, limit, rows, without=without)

        try:
            if turn_ids is None:
                await self._isolation.run(claim_some, find)
            else:
                await self._isolation.run_only(turn_ids, claim_some, find)
        except DATABASE_ERRORS as error:
            if not claims:
                raise
            # The claims of the earlier statements are ours to send.
            report_database_error("claim_due", error)
        return claims

    async def _claim_once(
        self, limit: int, rows: RowFilter, without: Collection[str]
    ) -> list[DeliveryClaim]:
        with self.naming() as name:
            async with connect_directly(self._database) as connection:
                return await delivery_claims.claim_due(
                    connection, limit, rows, without=without, marking=self.marking, name=name
                )

    @contextmanager
    def naming(self) -> Iterator[UUID]:
        """The name of a claim made in the context; released later if Postgres did not answer."""
        began, name = time.monotonic(), uuid4()
        try:
            yield name
        except BaseException as error:
            # After a definite refusal nothing was claimed.
            if not sqlstate(error) or is_gone(error):
                self._unanswered.add(name, began)
            raise

    async def _bury(self, turn_id: UUID, error: Exception) -> bool:
        """Make the row a dead letter for the operator; False: that cannot be written either."""
        fields = fault_fields(error)
        named = " ".join(filter(None, (fields["error"], fields.get("constraint"))))
        for detail in (f"not sent: its claim failed: {named}", "fault"):
            try:
                async with self._autocommit.connect() as connection:
                    return await delivery_outcomes.bury(connection, turn_id, detail)
            except DATABASE_ERRORS as refusal:
                report_database_error("bury", refusal, [turn_id])
        return False


class UnansweredClaims:
    """Claims whose commit is unknown: Postgres did not answer, and nothing was sent."""

    def __init__(self, database: AsyncEngine) -> None:
        self._autocommit = database.execution_options(isolation_level="AUTOCOMMIT")
        self._begun: dict[UUID, float] = {}
        self._release_at = 0.0
        self._isolation = RowIsolation("release_claims")

    def add(self, name: UUID, began: float) -> None:
        """Remember the claim of this name, begun at this time (``time.monotonic``)."""
        self._begun[name] = began

    async def release(self) -> None:
        """Release unanswered claims. Raises if the database is gone.

        Repeated while they may be ours: an abandoned statement may commit later. After
        ``CLAIM_S`` they count as claims of a dead process, and others recover them.
        """
        now = time.monotonic()
        self._begun = {name: at for name, at in self._begun.items() if at > now - CLAIM_S}
        if not self._begun or now < self._release_at:
            return
        names = list(self._begun)

        async def release_some(rows: RowFilter) -> None:
            async with self._autocommit.connect() as connection:
                await delivery_recovery.release_claims(connection, names, rows)

        async def find(rows: RowFilter) -> list[UUID]:
            async with self._autocommit.connect() as connection:
                return await delivery_recovery.find_claimed_by(connection, names, rows)

        await self._isolation.run(release_some, find)
        self._release_at = time.monotonic() + RELEASE_EVERY_S
