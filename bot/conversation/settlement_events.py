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
        deliver_soon: Callable[[Sequence[UUID]], None] | None = None,
        heard: WakeupSubscriber | None = None,
    ) -> None:
        """``deliver_soon`` hears of the turns whose delivery may be due.

        ``heard``: what hears the wake-ups of all bots; those of this one wake nobody here.
        """
        self._wakeup = wakeup
        self._heard = heard
        self._listeners = listeners
        self._deliver_soon = deliver_soon

    def notify(self, turn_ids: Sequence[UUID], *, due: Sequence[UUID] | None = None) -> None:
        """Notify about settled turns, after their commit. ``due``: None: each of them may be."""
        if not turn_ids:
            return
        for listener in self._listeners:
            listener(turn_ids)
        if self._deliver_soon is not None:
            self._deliver_soon(turn_ids if due is None else due)
        causes = [str(turn_id) for turn_id in turn_ids]
        if self._heard is not None:
            self._heard.handled(causes)
        for cause in causes:
            self._wakeup.publish(cause)
