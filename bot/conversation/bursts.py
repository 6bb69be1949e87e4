"""Bursts: messages in quick succession, answered together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from bot.store.waiting_turns import WaitingTurn

#: Of several messages: three of the previous version's pictures, which were larger, fit a job.
MAX_MERGED_PICTURES = 3
#: A burst waits for its next message for at most this many windows.
MAX_BURST_WINDOWS = 4
#: A shorter rest of the window is not worth a timer.
_MIN_WAIT_S = 0.01


def next_burst(waiting: Sequence[WaitingTurn], window_s: float) -> list[WaitingTurn]:
    """The oldest waiting turn and its followers, each within ``window_s`` of the previous turn.

    A reset ends a burst, and so do more than MAX_MERGED_PICTURES; a question asked again
    belongs to none. Without a window each burst is a single turn.
    """
    burst = list(waiting[:1])
    for turn in waiting[1:]:
        # abs: one accept may overtake another, so seq is not always the order of receipt.
        pause_s = abs((turn.received_at - burst[-1].received_at).total_seconds())
        again = turn.regenerates or burst[-1].regenerates
        full = turn.pictures + sum(one.pictures for one in burst) > MAX_MERGED_PICTURES
        if pause_s >= window_s or turn.epoch != burst[-1].epoch or again or full:
            break
        burst.append(turn)
    return burst


def burst_wait_s(burst: Sequence[WaitingTurn], window_s: float) -> float:
    """Seconds to wait for the burst's next message; 0: it is over or has reached its maximum."""
    now = datetime.now(UTC)
    quiet_s = (now - burst[-1].received_at).total_seconds()
    age_s = (now - burst[0].received_at).total_seconds()
    left_s = min(window_s - quiet_s, MAX_BURST_WINDOWS * window_s - age_s)
    return left_s if left_s > _MIN_WAIT_S else 0.0


def burst_text(burst: Sequence[WaitingTurn]) -> str:
    """The text of all messages of the burst, one per line."""
    return "\n".join(turn.text for turn in burst)
