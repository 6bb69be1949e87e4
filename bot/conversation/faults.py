"""Faults of single rows: log line, count, pause, and finally a dead letter.

Outages are raised: the caller waits for their end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Iterable, Sequence
from typing import Any, Generic, TypeVar

import structlog

from bot.observability.database_errors import report_fault
from runtime.backoff import exponential_backoff_s
from runtime.database import fault_fields
from runtime.fault_kind import FaultKind, fault_kind
from runtime.isolation import (
    MAX_CONSECUTIVE_TIMEOUTS,
    is_outage,
    run_each_alone,
    run_isolated,
)
from runtime.quarantine import KeyedQuarantine

log = structlog.get_logger(__name__)

Key = TypeVar("Key", bound=Hashable)
#: Makes a dead letter of the row with this key, for this error.
Bury = Callable[[Key, Exception], Awaitable[None]]

FIRST_PAUSE_S = 1.0
MAX_PAUSE_S = 60.0
#: The maximum of time-outs and lost deadlocks of one row: its lock may be released in between.
MAX_TRANSIENT_FAULTS = 3


def describe_fault(error: BaseException) -> str:
    """The fault in one line for the operator, without any value of the row."""
    return ", ".join(f"{name} {value}" for name, value in fault_fields(error).items())


class FaultHandler(Generic[Key]):
    """Pauses rows whose statement fails, and turns them into dead letters where that helps."""

    def __init__(
        self,
        statement: str,
        *,
        id_name: str,
        timeout_s: float,
        bury: Bury[Key] | None = None,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        """``bury`` turns the row into a dead letter; without it the row is only paused."""
        self.quarantine: KeyedQuarantine[Key] = KeyedQuarantine(
            base_s=first_pause_s, max_s=MAX_PAUSE_S
        )
        self._first_pause_s = first_pause_s
        self._statement = statement
        self._id_name = id_name
        self._timeout_s = timeout_s
        self._bury = bury

    async def run(
        self,
        keys: Sequence[Key],
        work: Callable[[Sequence[Key]], Coroutine[Any, Any, object]],
        *,
        bury: Bury[Key] | None = None,
    ) -> None:
        """Run ``work`` over all rows; if that fails, over each row alone.

        ``work`` is repeatable and has its own time-out; ``bury`` replaces the handler's own.
        Raises database errors of an outage.
        """
        await self._isolated(run_isolated, keys, work, bury or self._bury)

    async def run_apart(
        self, keys: Sequence[Key], work: Callable[[Sequence[Key]], Coroutine[Any, Any, object]]
    ) -> None:
        """Like ``run``, for rows whose batch has already failed."""
        await self._isolated(run_each_alone, keys, work, self._bury)

    async def _isolated(
        self,
        run: Callable[..., Awaitable[None]],
        keys: Sequence[Key],
        work: Callable[[Sequence[Key]], Coroutine[Any, Any, object]],
        bury: Bury[Key] | None,
    ) -> None:
        tried: list[Key] = []

        async def on_fault(key: Key, error: Exception) -> None:
            await self._handle(key, error, bury)

        async def work_on(some: Sequence[Key]) -> None:
            tried.extend(some)
            await work(some)
            self.written(some)

        try:
            # The work's own time-out ends its transaction before the next one begins.
            await run(keys, work_on, on_fault=on_fault, timeout_s=2 * self._timeout_s)
        except TimeoutError:
            # A frozen server, or several stuck rows in succession: the next round excludes them.
            for key in tried[-MAX_CONSECUTIVE_TIMEOUTS:]:
                self.quarantine.add(key)
            raise

    def written(self, keys: Iterable[Key]) -> None:
        """Return these rows to the batches: they were written."""
        if self.quarantine.rows:
            for key in keys:
                self.quarantine.discard(key)

    async def handle(self, key: Key, error: Exception) -> None:
        """Report the fault, then pause or bury the row. Raises database errors of an outage."""
        await self._handle(key, error, self._bury)

    async def _handle(self, key: Key, error: Exception, bury: Bury[Key] | None) -> None:
        report_fault(self._statement, error, ids={self._id_name: key})
        faults = self.quarantine.add(key)
        kind = fault_kind(error)
        repeated = kind is FaultKind.TRANSIENT and faults >= MAX_TRANSIENT_FAULTS
        if (kind is FaultKind.ROW or repeated) and await self._buried(key, error, bury):
            self.quarantine.discard(key)
            return
        log.warning(
            "row_paused",
            statement=self._statement,
            pause_s=exponential_backoff_s(faults, base_s=self._first_pause_s, max_s=MAX_PAUSE_S),
            faults=faults,
            **{self._id_name: str(key)},
        )

    async def _buried(self, key: Key, error: Exception, bury: Bury[Key] | None) -> bool:
        if bury is None:
            return False
        try:
            async with asyncio.timeout(self._timeout_s):
                await bury(key, error)
        except Exception as failure:
            if is_outage(failure):
                raise
            report_fault(f"{self._statement}_dead_letter", failure, ids={self._id_name: key})
            return False
        return True
