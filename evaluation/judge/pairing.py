"""Has the judge compare two answers to each question: blindly, and in both orders."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.concurrently import run_all
from evaluation.json_lines import JsonLines
from evaluation.judge.judging import Judge
from evaluation.judge.prompts import PAIR_NAMES, pair_prompt
from evaluation.pairs import Pair
from evaluation.progress import Progress, say
from evaluation.records import PairScore

ORDERS = (False, True)


class Pairing:
    """One judge and the pairs of a comparison; scores that are there already stay."""

    def __init__(self, judge: Judge, kept: JsonLines[PairScore], pairs: Sequence[Pair]) -> None:
        self._judge = judge
        self._kept = kept
        done = {(one.of, one.question, one.swapped) for one in kept.read()}
        wanted = [(pair, swapped) for pair in pairs if pair.can_be_judged for swapped in ORDERS]
        self._left = [
            (pair, swapped)
            for pair, swapped in wanted
            if (pair.digest, pair.question.id, swapped) not in done
        ]
        self._progress = Progress("comparisons", len(wanted), done=len(wanted) - len(self._left))

    async def compare_all(self, *, at_once: int) -> None:
        """Compare what is left. What an outage prevented is not recorded, and told."""
        await run_all(self._left, self._compare, at_once=at_once)
        if self._judge.is_down:
            say("The judge does not answer: start the same command again once it does.")

    async def _compare(self, which: tuple[Pair, bool]) -> None:
        pair, swapped = which
        first, second = pair.baseline, pair.candidate
        if swapped:
            first, second = second, first
        prompt = pair_prompt(pair.question, first, second, seed=self._judge.seed)
        judged = await self._judge.scores(prompt, PAIR_NAMES)
        if judged.reason is not None and judged.reason.is_outage:
            return
        baseline, candidate = (judged.scores[::-1] if swapped else judged.scores) or (None, None)
        self._kept.append(
            PairScore(
                question=pair.question.id,
                of=pair.digest,
                swapped=swapped,
                baseline=baseline,
                candidate=candidate,
                reason=judged.reason,
                said=judged.said,
            )
        )
        self._progress.advance()


def scores_of(kept: JsonLines[PairScore], pairs: Sequence[Pair]) -> list[PairScore]:
    """The scores of these pairs, without those of answers that are others by now."""
    current = {(pair.digest, pair.question.id) for pair in pairs}
    return [one for one in kept.read() if (one.of, one.question) in current]
