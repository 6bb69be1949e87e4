"""One statement over many rows, isolated from rows at fault.

Without a fault, the one statement runs and nothing else. After a fault the rows are listed without
a write, and each is tried alone.
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

#: The time-out of one row alone.
ALONE_S = 2.0
#: The pause of a row at fault: doubled each time, up to the maximum.
PAUSE_BASE_S = 2.0
PAUSE_MAX_S = 300.0

Work = Callable[[RowFilter], Coroutine[Any, Any, object]]
Find = Callable[[RowFilter], Awaitable[list[UUID]]]
OnFault = Callable[[UUID, Exception], Awaitable[bool]]


class RowIsolation:
    """Runs one statement of the store; rows at fault are paused.

    ``statement`` is its name in the log and the metrics.
    """

    def __init__(self, statement: str, *, on_fault: OnFault | None = None) -> None:
        """``on_fault`` gets a row with bad values; True: it ended the row's delivery."""
        self._statement = statement
        self._on_fault = on_fault
        self._quarantine = Quarantine(base_s=PAUSE_BASE_S, max_s=PAUSE_MAX_S)

    async def run(self, work: Work, find: Find) -> None:
        """Run ``work`` over all rows; after a fault, over each row that ``find`` lists.

        Raises the database's error if it is an outage, or if ``find`` fails too.
        """
        if (retried := self._quarantine.due_row()) is not None:
            await self._run_each(work, [retried])
        others = RowFilter(excluded=self._quarantine.rows)
        try:
            await work(others)
        except DATABASE_ERRORS as error:
            await self._run_apart(work, find, others, error)

    async def run_only(self, turn_ids: Sequence[UUID], work: Work, find: Find) -> None:
        """The same over these rows only, without the paused ones."""
        paused = set(self._quarantine.rows)
        wanted = tuple(one for one in turn_ids if one not in paused)
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
            await run_each_alone(turn_ids, work_on, on_fault=self._pause_or_end, timeout_s=ALONE_S)
        except TimeoutError:
            # A frozen server, or as many stuck rows: the next round excludes them.
            for turn_id in tried[-MAX_CONSECUTIVE_TIMEOUTS:]:
                self._quarantine.add(turn_id)
            raise

    async def _pause_or_end(self, turn_id: UUID, error: Exception) -> None:
        report_fault(self._statement, error, [turn_id])
        by_row = fault_kind(error) is FaultKind.ROW
        if self._on_fault and by_row and await self._on_fault(turn_id, error):
            self._quarantine.discard(turn_id)
        else:
            self._quarantine.add(turn_id)
