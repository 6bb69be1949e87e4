"""Which jobs with pictures a worker takes: all where its model sees, else those nobody can answer.

A worker that reads text only leaves them to those that see. Where none has been there for a while,
it takes them too, and its engine declines: the person is told, and does not wait in vain.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from redis.exceptions import RedisError

from inference_queue.worker_registry import WorkerState, WorkerStatus

LOOK_EVERY_S = 3.0
#: A worker that sees may be restarting: loading its model it has not told yet that it sees.
GRACE_S = 30.0


class Eyesight:
    """Knows whether other workers see. Without Redis it believes what it knew last."""

    def __init__(
        self,
        own: Callable[[], WorkerStatus],
        peers: Callable[[], Awaitable[Sequence[WorkerStatus]]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``own``: this worker's status; ``peers``: that of all. Raises RedisError or OSError."""
        self._own = own
        self._peers = peers
        self._clock = clock
        self._others_seen_at = clock()
        self._looked_at = clock()

    @property
    def takes_pictures(self) -> bool:
        """Whether this worker claims jobs with pictures now."""
        return self._own().vision or self._looked_at - self._others_seen_at >= GRACE_S

    async def look(self) -> None:
        """Look once who is there."""
        own = self._own()
        try:
            peers = [peer for peer in await self._peers() if peer.id != own.id]
        except (RedisError, OSError, ValueError, TypeError):
            return
        self._looked_at = self._clock()
        if any(peer.vision or peer.state is WorkerState.LOADING for peer in peers):
            self._others_seen_at = self._looked_at

    async def keep_looking(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)
