"""How long to wait before the next attempt."""

from __future__ import annotations

#: 2 ** 64 seconds are beyond every ``max_s``; a larger exponent would overflow a float one day.
_MAX_EXPONENT = 64


def exponential_backoff_s(attempt: int, *, base_s: float, max_s: float) -> float:
    """Seconds to wait after the attempt of this number, from 1 on: doubled each time, bounded."""
    doublings = min(max(attempt, 1) - 1, _MAX_EXPONENT)
    return float(min(base_s * 2**doublings, max_s))
