"""The scale of the statistics' histograms, and of their steps of time.

A bucket is a quarter of a power of two wide, so a percentile read from them is off by less than
``MAX_ERROR`` of its value, whatever its size.
"""

from __future__ import annotations

from collections.abc import Mapping

#: The lengths of the steps, seconds; each window of the charts reads one of them as it is.
STEPS_S = (60, 300, 900, 3600, 21_600, 86_400)
#: The days of the steps are Korea's, where the clock has stood at UTC+9 since 1988.
ORIGIN = "2000-01-01 00:00:00+09"

_PER_POWER = 4
#: The lower bounds of the buckets after the first, in milliseconds: 1 ms to 70 minutes.
BOUNDS_MS = tuple(2 ** (number / _PER_POWER) for number in range(22 * _PER_POWER + 1))
#: The largest relative error of a value read from a bucket: 9 %.
MAX_ERROR = 2 ** (0.5 / _PER_POWER) - 1


def bucket_ms(bucket: int) -> float:
    """The geometric middle of a bucket, milliseconds; 0 is what took no millisecond."""
    return 0.0 if bucket <= 0 else float(2 ** ((bucket - 0.5) / _PER_POWER))


def percentile_ms(histogram: Mapping[int, int], share: float) -> float | None:
    """The duration below which ``share`` of the counted lie, by nearest rank; None: none counted.

    ``histogram``: counts by bucket.
    """
    wanted = max(1.0, share * sum(histogram.values()))
    seen = 0
    for bucket in sorted(histogram):
        seen += histogram[bucket]
        if seen >= wanted:
            return bucket_ms(bucket)
    return None
