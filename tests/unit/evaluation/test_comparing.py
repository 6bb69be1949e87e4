"""What two sides' answers show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from evaluation.comparing import Compared, Measure, compare, verdicts
from evaluation.pairs import Side, pairs_of
from evaluation.questions import Question
from evaluation.records import Answer, JudgeUsed, PairScore
from inference_queue.protocol import FinishReason
from measures.verdict import Verdict
from tests.support.evaluation import answer, pair_score, question, question_set

NAMES = [f"q{number}" for number in range(12)]


def side(texts: Mapping[str, str], scores: Mapping[str, float] | None = None) -> Side:
    answers = {(name, 0): answer(name, text) for name, text in texts.items()}
    return Side(
        label="x",
        answers=answers,
        scores={(name, 0): score for name, score in (scores or {}).items()},
    )


def compared(
    baseline: Side,
    candidate: Side,
    scores: Sequence[PairScore] = (),
    *,
    questions: Sequence[Question] | None = None,
    has_judge: bool = True,
) -> Compared:
    asked = question_set(*(questions or [question(name) for name in NAMES]))
    pairs = pairs_of(asked, baseline, candidate)
    return compare(pairs, baseline, candidate, scores, has_judge=has_judge, seed=1)


def both_orders(name: str, baseline: float, candidate: float) -> list[PairScore]:
    return [pair_score(name, baseline, candidate, swapped=order) for order in (False, True)]


OLD = side(dict.fromkeys(NAMES, "옛 답"))
NEW = side(dict.fromkeys(NAMES, "새 답"))


def test_a_candidate_that_the_judge_prefers_is_better() -> None:
    scores = [one for name in NAMES for one in both_orders(name, 5, 7)]
    found = compared(OLD, NEW, scores)
    assert found.primary is Measure.JUDGE
    assert found.measures[Measure.JUDGE].overall.verdict is Verdict.BETTER
    assert found.measures[Measure.JUDGE].overall.mean == 2


def test_a_liking_for_the_first_place_cancels_out() -> None:
    scores = [
        pair_score(name, *((6, 8) if swapped else (8, 6)), swapped=swapped)
        for name in NAMES
        for swapped in (False, True)
    ]
    found = compared(OLD, NEW, scores)
    assert found.measures[Measure.JUDGE].overall.mean == 0
    assert found.measures[Measure.JUDGE].overall.verdict is Verdict.CANNOT_TELL
    assert not any(one.agrees for one in found.judged.values())


def test_one_order_alone_counts_for_nothing() -> None:
    scores = [pair_score("q0", 1, 10), pair_score("q0", None, None, swapped=True)]
    assert verdicts(scores) == {}
    assert Measure.JUDGE not in compared(OLD, NEW, scores).measures


def test_what_was_not_judged_is_no_zero() -> None:
    scores = [one for name in NAMES[:6] for one in both_orders(name, 5, 7)]
    found = compared(OLD, NEW, scores).measures[Measure.JUDGE].overall
    assert (found.pairs, found.mean) == (6, 2)


def test_identical_runs_are_equal() -> None:
    found = compared(OLD, OLD).measures[Measure.JUDGE].overall
    assert (found.pairs, found.low, found.high) == (12, 0, 0)
    assert found.verdict is Verdict.CANNOT_TELL


def test_equal_answers_alone_are_no_tie_where_the_judge_is_down() -> None:
    half = side({name: "옛 답" if place < 6 else "새 답" for place, name in enumerate(NAMES)})
    assert Measure.JUDGE not in compared(OLD, half).measures


def test_scores_of_answers_alone_are_paired_by_question() -> None:
    old = side(dict.fromkeys(NAMES, "옛"), dict.fromkeys(NAMES, 5.0))
    new = side(dict.fromkeys(NAMES, "새"), dict.fromkeys(NAMES[:9], 4.0))
    found = compared(old, new, has_judge=False)
    assert found.primary is Measure.SCORE
    assert found.measures[Measure.SCORE].overall.pairs == 9
    assert found.measures[Measure.SCORE].overall.verdict is Verdict.WORSE


def test_right_answers_decide_without_a_judge() -> None:
    questions = [question(name, reference="새 답") for name in NAMES]
    found = compared(OLD, NEW, questions=questions, has_judge=False)
    assert found.primary is Measure.CORRECT
    assert found.measures[Measure.CORRECT].overall.mean == 1
    assert found.measures[Measure.CORRECT].overall.verdict is Verdict.BETTER


def test_the_checks_alone_decide_nothing() -> None:
    found = compared(OLD, NEW, has_judge=False)
    assert set(found.measures) == {Measure.SOUND}
    assert found.primary is None


def test_cut_answers_are_less_sound() -> None:
    cut = {(name, 0): answer(name, "끊긴", ended=FinishReason.LENGTH) for name in NAMES}
    found = compared(OLD, Side(label="x", answers=cut), has_judge=False)
    assert found.measures[Measure.SOUND].overall.mean == -1


def test_a_question_that_the_candidate_did_not_answer_is_neither_sound_nor_right() -> None:
    failed = {**NEW.answers, ("q0", 0): Answer(question="q0", turn=0, failure="prompt_too_long")}
    questions = [question(name, pattern="답") for name in NAMES]
    scores = both_orders("q0", 5, 9)
    found = compared(OLD, Side(label="x", answers=failed), scores, questions=questions)
    assert found.measures[Measure.SOUND].overall.mean == pytest.approx(-1 / 12)
    assert found.measures[Measure.CORRECT].overall.mean == pytest.approx(-1 / 12)


def test_scores_of_two_judges_are_not_compared() -> None:
    old = side(dict.fromkeys(NAMES, "옛"), dict.fromkeys(NAMES, 5.0))
    new = side(dict.fromkeys(NAMES, "새"), dict.fromkeys(NAMES, 9.0))
    judge = JudgeUsed(url="http://127.0.0.1:1/v1", model="다른 심사", prompt_version=1, seed=0)
    found = compared(old, replace(new, judge=judge), has_judge=False)
    assert Measure.SCORE not in found.measures


def test_categories_are_compared_each() -> None:
    questions = [
        question(name, category="환불" if place < 8 else "배송") for place, name in enumerate(NAMES)
    ]
    scores = [
        one
        for place, name in enumerate(NAMES)
        for one in both_orders(name, 5, 7 if place < 8 else 4)
    ]
    found = compared(OLD, NEW, scores, questions=questions).measures[Measure.JUDGE].categories
    assert found["환불"].verdict is Verdict.BETTER
    assert found["배송"].mean == pytest.approx(-1)
    assert found["배송"].verdict is Verdict.CANNOT_TELL
