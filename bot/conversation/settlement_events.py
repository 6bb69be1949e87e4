"""The notification of settled turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from runtime.pubsub import WakeupPublisher, WakeupSubscriber


class SettlementNotifier:
    """Passes settled turns to the listeners of this process, and wakes the other bots."""

    def __init__(
        self,
        wakeup: WakeupPublisher,
        *listeners: Callable[[Sequence[UUID]], None],
        heard: WakeupSubscriber | None = None,
    ) -> None:
        """``heard``: what hears the wake-ups of all bots; those of this one wake nobody here."""
        self._wakeup = wakeup
        self._heard = heard
        self._listeners = listeners

    def notify(self, turn_ids: Sequence[UUID]) -> None:
        """Notify about settled turns, after their commit."""
        if not turn_ids:
            return
        for listener in self._listeners:
            listener(turn_ids)
        causes = [str(turn_id) for turn_id in turn_ids]
        if self._heard is not None:
            self._heard.handled(causes)
        for cause in causes:
            self._wakeup.publish(cause)
