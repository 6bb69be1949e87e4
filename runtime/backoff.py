"""The pause before the next attempt."""

from __future__ import annotations

#: 2 ** 64 seconds exceed every ``max_s``; a much larger exponent would overflow a float.
_MAX_EXPONENT = 64


def exponential_backoff_s(attempt: int, *, base_s: float, max_s: float) -> float:
    """Seconds to wait after attempt number ``attempt`` (from 1): doubled each time, bounded."""
    doublings = min(max(attempt, 1) - 1, _MAX_EXPONENT)
    return float(min(base_s * 2**doublings, max_s))
