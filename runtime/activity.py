"""Whether something is on its way through this process: polls are quick meanwhile, slow otherwise.

Every wait for work also polls, since a wake-up may be lost. While nothing waits anywhere, a quick
poll finds nothing; so polls are slow until somebody notes activity, which also ends the slow pause
that is going on. Nothing depends on Redis: who takes something in notes it in the same process.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Self

#: Polls stay quick for so long after the last sign of activity.
BUSY_S = 10.0
#: The pause between two polls of an idle process.
IDLE_POLL_S = 3.0


class Activity:
    """The signs of activity of one process, which is taken for busy at its start.

    ``on_begin``: called when an idle process becomes busy; it ends waits of other kinds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.on_begin: list[Callable[[], None]] = []
        self._clock = clock
        self._busy_until = clock() + BUSY_S
        self._begun = asyncio.Event()

    @classmethod
    def never_idle(cls) -> Self:
        """One whose polls are always quick."""
        return cls(clock=lambda: 0.0)

    @property
    def is_busy(self) -> bool:
        """Whether there was a sign of activity lately."""
        return self._clock() < self._busy_until

    def note(self) -> None:
        """Something came in, or waits."""
        was_busy = self.is_busy
        self._busy_until = self._clock() + BUSY_S
        if not was_busy:
            self._begun.set()
            self._begun = asyncio.Event()  # the next idle time has an event of its own
            for wake in self.on_begin:
                wake()

    def poll_s(self, busy_s: float, *, at_most_s: float | None = None) -> float:
        """The pause of a poll that takes ``busy_s`` while the process is busy.

        ``at_most_s``: what the pause of an idle process may not exceed; None: IDLE_POLL_S.
        """
        idle_s = IDLE_POLL_S if at_most_s is None else min(IDLE_POLL_S, at_most_s)
        return busy_s if self.is_busy else max(busy_s, idle_s)

    async def pause(self, busy_s: float) -> None:
        """Wait until the next poll: ``busy_s``, or longer until activity begins."""
        if self.is_busy:
            await asyncio.sleep(busy_s)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._begun.wait(), self.poll_s(busy_s))
