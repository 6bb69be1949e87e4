"""Charts as SVG paths, in a square that the page stretches: texts and colours are the page's.

The policy of the pages allows no style within them, so a shape names a class and nothing else. Axes
are written in HTML: a stretched text would not be readable on a phone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

#: Units of a step to the right, and of the whole chart downwards.
STEP = 10
HEIGHT = 100

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A path, and the class that colours it."""

    name: str  #: s1, s2, ...
    path: str


def ceiling(highest: float) -> float:
    """The end of an axis whose middle is a round number, too, and at least the highest value."""
    if highest < 1e-9:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    ends = [n * power for n in (1, 2, 4, 6, 8, 10) if highest <= n * power]
    return ends[0] if ends else highest


def lines(series: Sequence[Values], top: float) -> list[Shape]:
    """A line for each series; steps without a value are gaps."""
    return [
        Shape(name=f"s{number}", path=_line(values, top)) for number, values in enumerate(series, 1)
    ]


def bars(series: Sequence[Values], top: float) -> list[Shape]:
    """A bar for each step, the series on top of each other."""
    bottoms = [0.0] * max((len(values) for values in series), default=0)
    shapes = []
    for number, values in enumerate(series, 1):
        parts = []
        for step, value in enumerate(values):
            if value:
                parts.append(_bar(step, bottoms[step], bottoms[step] + value, top))
                bottoms[step] += value
        shapes.append(Shape(name=f"s{number}", path="".join(parts)))
    return shapes


def _line(values: Values, top: float) -> str:
    parts = []
    for step, value in enumerate(values):
        if value is None:
            continue
        goes_on = step > 0 and values[step - 1] is not None
        x, y = STEP * step + STEP // 2, _y(value, top)
        parts.append(f"{'L' if goes_on else 'M'}{x} {y}")
        ends = step + 1 == len(values) or values[step + 1] is None
        if ends and not goes_on:
            parts.append("h1")  # a point of its own would not be drawn
    return "".join(parts)


def _bar(step: int, low: float, high: float, top: float) -> str:
    y_low, y_high = _y(low, top), _y(high, top)
    left, width = STEP * step + 1, STEP - 2
    return f"M{left} {y_low}V{y_high}h{width}V{y_low}z"


def _y(value: float, top: float) -> str:
    return f"{HEIGHT - HEIGHT * min(max(value, 0.0), top) / top:.1f}".removesuffix(".0")
