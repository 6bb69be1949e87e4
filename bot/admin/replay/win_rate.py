"""The win rate of the new answers, and how certain it is (docs/decisions/0043).

An item's score is 1 where the new answer is preferred, 0 where the old one is, and a half for a tie
or two bad answers; several reviewers' votes are averaged. The interval is Wilson's, for as many
independent items as the conversations leave: turns of one conversation share their history, so they
count for less than as many turns of different conversations (Kish's effective sample size).
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from measures.shares import Z_80, Z_95, Clusters, effective_size, wilson
from measures.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class WinRate:
    """The share of wins of the new answers, from 0 to 1, with its 95 % interval."""

    items: int
    conversations: int
    rate: float
    low: float
    high: float
    #: The smallest distance from one half that so many items would have shown, four times in five.
    detectable: float

    @property
    def verdict(self) -> Verdict:
        """Better or worse only where the whole interval says so."""
        if self.low > 0.5:
            return Verdict.BETTER
        return Verdict.WORSE if self.high < 0.5 else Verdict.CANNOT_TELL


def win_rate(judged: Collection[Clusters]) -> WinRate | None:
    """The win rate of conversations with votes; None: there are none."""
    items = sum(one.items * one.number for one in judged)
    if not items:
        return None
    rate = math.fsum(one.total * one.number for one in judged) / items
    independent = effective_size(judged)
    low, high = wilson(rate, independent)
    return WinRate(
        items=items,
        conversations=sum(one.number for one in judged),
        rate=rate,
        low=low,
        high=high,
        detectable=min(0.5, (Z_95 + Z_80) * 0.5 / math.sqrt(independent)),
    )
