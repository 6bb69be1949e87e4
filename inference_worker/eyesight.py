"""Which jobs with pictures a worker takes: all where its model sees, else those nobody can answer.

A worker that reads text only leaves them to those that see. Where none has been there for a while,
it takes them too, and its engine declines: the person is told, and does not wait in vain. So it is
with each of its adapters: a worker that sees may lack the one that a job names.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from redis.exceptions import RedisError

from inference_queue.claim_order import Abilities
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
        self._seen_with: dict[str, float] = {}  # when others saw with an adapter, by its name

    def abilities(self) -> Abilities:
        """What this worker claims now."""
        own, now = self._own(), self._looked_at
        names = () if own.vision else own.offered_adapters
        return Abilities(
            sees=own.vision or now - self._others_seen_at >= GRACE_S,
            adapters=own.offered_adapters,
            unseen=[name for name in names if now - self._seen_with.get(name, now) >= GRACE_S],
        )

    async def look(self) -> None:
        """Look once who is there."""
        own = self._own()
        try:
            peers = [peer for peer in await self._peers() if peer.id != own.id]
        except (RedisError, OSError, ValueError, TypeError):
            return
        self._looked_at = self._clock()
        is_loading = any(peer.state is WorkerState.LOADING for peer in peers)
        seeing = [peer for peer in peers if peer.vision]
        if seeing or is_loading:
            self._others_seen_at = self._looked_at
        for name in own.offered_adapters:
            self._seen_with.setdefault(name, self._looked_at)
            if is_loading or any(name in peer.offered_adapters for peer in seeing):
                self._seen_with[name] = self._looked_at

    async def keep_looking(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)
