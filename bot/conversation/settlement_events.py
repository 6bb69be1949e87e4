"""Who is told when turns are settled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from runtime.pubsub import WakeupPublisher


class SettlementNotifier:
    """Names the turns to listeners of this process, and wakes the other bots."""

    def __init__(
        self, wakeup: WakeupPublisher, *listeners: Callable[[Sequence[UUID]], None]
    ) -> None:
        self._wakeup = wakeup
        self._listeners = listeners

    def notify(self, turn_ids: Sequence[UUID]) -> None:
        """These turns are settled, and that is committed."""
        if not turn_ids:
            return
        for listener in self._listeners:
            listener(turn_ids)
        self._wakeup.publish()
