"""One statement over many rows, of which a row at fault stops none of the others.

While nothing fails it is the one statement and nothing else. After a fault the rows are found
without being written, and each is tried alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any
from uuid import UUID

from bot.observability.database_errors import report_database_error, report_fault
from bot.store.row_filter import RowFilter
from runtime.database import DATABASE_ERRORS
from runtime.fault_kind import FaultKind, fault_kind
from runtime.isolation import MAX_CONSECUTIVE_TIMEOUTS, is_outage, run_each_alone
from runtime.quarantine import Quarantine

#: How long a row alone may take.
ALONE_S = 2.0
#: How long a row at fault sits out: doubled each time, up to the maximum.
REST_BASE_S = 2.0
REST_MAX_S = 300.0

Work = Callable[[RowFilter], Coroutine[Any, Any, object]]
Find = Callable[[RowFilter], Awaitable[list[UUID]]]
OnFault = Callable[[UUID, Exception], Awaitable[bool]]


class RowIsolation:
    """Runs one statement of the store; rows at fault sit out.

    ``statement`` is its name in the log and the metrics.
    """

    def __init__(self, statement: str, *, on_fault: OnFault | None = None) -> None:
        """``on_fault`` takes a row whose values are to blame, and returns whether it ended it."""
        self._statement = statement
        self._on_fault = on_fault
        self._quarantine = Quarantine(base_s=REST_BASE_S, max_s=REST_MAX_S)

    async def run(self, work: Work, find: Find) -> None:
        """Run ``work`` over all rows; where it faults, over each row that ``find`` gives.

        Raises the database's error where it is an outage, or where finding the rows fails too.
        """
        if (rested := self._quarantine.due_row()) is not None:
            await self._run_each(work, [rested])
        others = RowFilter(excluded=self._quarantine.rows)
        try:
            await work(others)
        except DATABASE_ERRORS as error:
            await self._run_apart(work, find, others, error)

    async def run_only(self, turn_ids: Sequence[UUID], work: Work, find: Find) -> None:
        """The same over no other rows than these; those that sit out are left out."""
        sitting_out = set(self._quarantine.rows)
        wanted = tuple(one for one in turn_ids if one not in sitting_out)
        if not wanted:
            return
        only = RowFilter(only=wanted)
        try:
            await work(only)
        except DATABASE_ERRORS as error:
            await self._run_apart(work, find, only, error)

    async def _run_apart(
        self, work: Work, find: Find, rows: RowFilter, error: BaseException
    ) -> None:
        if is_outage(error):
            raise error
        report_database_error(self._statement, error)
        await self._run_each(work, await find(rows))

    async def _run_each(self, work: Work, turn_ids: Sequence[UUID]) -> None:
        tried: list[UUID] = []

        async def work_on(some: Sequence[UUID]) -> None:
            tried.extend(some)
            await work(RowFilter(only=tuple(some)))
            for turn_id in some:
                self._quarantine.discard(turn_id)

        try:
            await run_each_alone(turn_ids, work_on, on_fault=self._sit_out, timeout_s=ALONE_S)
        except TimeoutError:
            # A frozen server, or so many rows that are stuck: the next round does without them.
            for turn_id in tried[-MAX_CONSECUTIVE_TIMEOUTS:]:
                self._quarantine.add(turn_id)
            raise

    async def _sit_out(self, turn_id: UUID, error: Exception) -> None:
        report_fault(self._statement, error, [turn_id])
        by_row = fault_kind(error) is FaultKind.ROW
        if self._on_fault and by_row and await self._on_fault(turn_id, error):
            self._quarantine.discard(turn_id)
        else:
            self._quarantine.add(turn_id)
