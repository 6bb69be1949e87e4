"""Measured values, as table rows for people and JSON lines for programs."""

from __future__ import annotations

import json
import math
import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value and its baseline."""

    bench: str
    value: float
    unit: str
    baseline: str = ""  #: a description of what ``ratio`` compares with
    ratio: float | None = None  #: value / baseline; None without a baseline

    def line(self) -> str:
        """The JSON object of ``make bench``."""
        ratio = None if self.ratio is None else round(self.ratio, 4)
        fields = {"bench": self.bench, "value": round(self.value, 3), "unit": self.unit}
        return json.dumps({**fields, "baseline": self.baseline, "ratio": ratio}, ensure_ascii=False)

    def row(self) -> str:
        """The table row."""
        ratio = "" if self.ratio is None else f"{self.ratio:.3f} x"
        return f"{self.bench:<34}{self.value:>11,.2f} {self.unit:<14}{ratio:>9} {self.baseline}"


def publish(figures: Iterable[Figure]) -> None:
    """Print the rows to standard error and the JSON lines to standard output."""
    for figure in figures:
        sys.stderr.write(f"  {figure.row().rstrip()}\n")
        sys.stdout.write(f"{figure.line()}\n")
    sys.stdout.flush()


def say(sentence: str) -> None:
    """Report progress on standard error."""
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that ``percent`` of the values do not exceed; 0 without values."""
    ordered = sorted(values)
    rank = math.ceil(percent / 100 * len(ordered)) - 1
    return ordered[min(max(rank, 0), len(ordered) - 1)] if ordered else 0.0


def median(values: Sequence[float]) -> float:
    """The median; 0 without values."""
    return statistics.median(values) if values else 0.0
