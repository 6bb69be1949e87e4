"""The win rate of the new answers, and how certain it is (docs/decisions/0043).

An item's score is 1 where the new answer is preferred, 0 where the old one is, and a half for a tie
or two bad answers; several reviewers' votes are averaged. The interval is Wilson's, for as many
independent items as the conversations leave: turns of one conversation share their history, so they
count for less than as many turns of different conversations (Kish's effective sample size).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.domain.replays import Preference
from measures.shares import Z_80, Z_95, effective_size, wilson
from measures.verdict import Verdict

_SCORES = {Preference.NEW: 1.0, Preference.OLD: 0.0, Preference.TIE: 0.5, Preference.BOTH_BAD: 0.5}


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedItem:
    """An item with its votes."""

    conversation_id: int
    votes: Sequence[Preference]  #: at least one

    @property
    def score(self) -> float:
        """The mean of its votes."""
        return math.fsum(_SCORES[vote] for vote in self.votes) / len(self.votes)


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


def win_rate(items: Iterable[JudgedItem]) -> WinRate | None:
    """The win rate of items with votes; None: there are none."""
    scores: dict[int, list[float]] = defaultdict(list)
    for item in items:
        scores[item.conversation_id].append(item.score)
    count = sum(map(len, scores.values()))
    if not count:
        return None
    rate = math.fsum(score for same in scores.values() for score in same) / count
    independent = effective_size(list(scores.values()))
    low, high = wilson(rate, independent)
    return WinRate(
        items=count,
        conversations=len(scores),
        rate=rate,
        low=low,
        high=high,
        detectable=min(0.5, (Z_95 + Z_80) * 0.5 / math.sqrt(independent)),
    )
