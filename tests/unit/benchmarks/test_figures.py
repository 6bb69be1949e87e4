"""A figure as programs read it."""

from __future__ import annotations

import json

from benchmarks.figures import Figure, percentile


def test_a_figure_without_a_comparison_has_no_ratio() -> None:
    assert json.loads(Figure("memory", 12.3456, "MiB").line()) == {
        "bench": "memory",
        "value": 12.346,
        "unit": "MiB",
        "baseline": "",
        "ratio": None,
    }


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([], 99) == 0
    assert percentile([5.0], 50) == 5
    assert percentile([float(n) for n in range(100, 0, -1)], 50) == 50
    assert percentile([float(n) for n in range(1, 101)], 99) == 99
    assert percentile([1.0, 2.0, 3.0], 99) == 3
