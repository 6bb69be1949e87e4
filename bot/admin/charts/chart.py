"""A chart with its numbers, and their words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bot.admin.charts.drawing import STEP, Shape, Values, bars, ceiling, lines
from bot.admin.web.language import translate as _


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart and its numbers; ``write`` puts one of them into words."""

    name: str
    title: str
    series: Mapping[str, Values]  #: by its label
    write: Callable[[float], str]
    headline: str  #: the whole span in a few words; "" where nothing was counted
    note: str = ""
    stacked: bool = False
    fixed_top: float | None = None
    top: float = field(init=False)

    def __post_init__(self) -> None:
        top = self.fixed_top or ceiling(self._highest())
        object.__setattr__(self, "top", top)

    def _highest(self) -> float:
        columns = zip(*self.series.values(), strict=True)
        sums = sum if self.stacked else max
        return max((sums([value or 0.0 for value in column]) for column in columns), default=0.0)

    @property
    def shapes(self) -> list[Shape]:
        """The paths of its series."""
        draw = bars if self.stacked else lines
        return draw(list(self.series.values()), self.top)

    @property
    def width(self) -> int:
        """The width of the drawing, in its own units."""
        return STEP * max((len(values) for values in self.series.values()), default=1)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(value for values in self.series.values() for value in values)

    def cell(self, value: float | None) -> str:
        """A value of its table."""
        return "–" if value is None else self.write(value)


def ratios(parts: Sequence[float], wholes: Sequence[float], unit: float) -> Values:
    """Part by whole of each step; None where there is no whole."""
    return [
        unit * part / whole if whole else None for part, whole in zip(parts, wholes, strict=True)
    ]


def some(value: float, write: Callable[[float], str]) -> str:
    """The value in words; "" for none."""
    return write(value) if value else ""


def in_pieces(value: float) -> str:
    """A number of questions."""
    return _("{count}건", count=f"{value:,.0f}")


def in_percent(value: float) -> str:
    """A share, of 100."""
    return f"{value:.1f}".removesuffix(".0") + "%"


def a_second(value: float) -> str:
    """A rate."""
    return f"{value:,.1f}".removesuffix(".0")


def in_seconds(value: float) -> str:
    """A duration."""
    return _("{seconds}초", seconds=f"{value:,.1f}")


def in_tokens(value: float) -> str:
    """A number of tokens."""
    return _("{count}토큰", count=f"{value:,.0f}")


def in_fine_seconds(value: float) -> str:
    """A duration that is often far below a second."""
    return _("{seconds}초", seconds=f"{value:,.3f}" if value < 1 else f"{value:,.1f}")
