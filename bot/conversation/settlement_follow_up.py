"""The work after the commit of a settlement: counts, the history window, the next turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from bot.conversation.early_planner import EarlyPlanner
from bot.conversation.settlement_events import SettlementNotifier
from bot.observability.metrics import ANSWER_SECONDS, TURNS
from bot.store.history_cache import Exchange, RecentHistory, mark
from bot.store.settlements import SettledTurn

log = structlog.get_logger(__name__)


class SettlementFollowUp:
    """Runs after a settlement. A crash may lose it: the sweep and the marks detect that."""

    def __init__(
        self,
        *,
        history: RecentHistory,
        notifier: SettlementNotifier,
        schedule_soon: Callable[[int], None],
        early: EarlyPlanner,
    ) -> None:
        self._history = history
        self._notifier = notifier
        self._schedule_soon = schedule_soon
        self._early = early

    async def run(self, settled: Sequence[SettledTurn]) -> None:
        """Notify about the committed turns, and schedule the next turns of their conversations."""
        self._notifier.notify(
            [turn.id for turn in settled], due=[turn.id for turn in settled if turn.is_due]
        )
        for turn in settled:
            _count(turn)
            self._early.note_settled(turn)
            if turn.previous is not None:
                self._history.append(
                    turn.conversation_id,
                    epoch=turn.epoch,
                    previous=turn.previous,
                    exchange=Exchange(
                        mark(turn.seq, turn.settled_at), turn.prompt, turn.answer or ""
                    ),
                )
            if turn.more:
                self._schedule_soon(turn.conversation_id)


def _count(turn: SettledTurn) -> None:
    TURNS.labels(turn.messenger, turn.status).inc()
    ANSWER_SECONDS.labels(turn.messenger).observe(
        (turn.settled_at - turn.received_at).total_seconds()
    )
    log.info("turn_settled", turn_id=str(turn.id), status=turn.status.value)
