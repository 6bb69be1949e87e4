"""The notification of settled turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from runtime.pubsub import WakeupPublisher


class SettlementNotifier:
    """Passes settled turns to the listeners of this process, and wakes the other bots."""

    def __init__(
        self, wakeup: WakeupPublisher, *listeners: Callable[[Sequence[UUID]], None]
    ) -> None:
        self._wakeup = wakeup
        self._listeners = listeners

    def notify(self, turn_ids: Sequence[UUID]) -> None:
        """Notify about settled turns, after their commit."""
        if not turn_ids:
            return
        for listener in self._listeners:
            listener(turn_ids)
        self._wakeup.publish()
