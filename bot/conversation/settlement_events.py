"""Who hears of it when turns are settled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from runtime.pubsub import WakeupPublisher


class SettlementNotifier:
    """Parts of this process hear of them by name and at once, the other bots by a bell."""

    def __init__(
        self, ringer: WakeupPublisher, *listeners: Callable[[Sequence[UUID]], None]
    ) -> None:
        self._ringer = ringer
        self._hearers = listeners

    def notify(self, turn_ids: Sequence[UUID]) -> None:
        """These turns are settled, and that is committed."""
        if not turn_ids:
            return
        for hear in self._hearers:
            hear(turn_ids)
        self._ringer.publish()
