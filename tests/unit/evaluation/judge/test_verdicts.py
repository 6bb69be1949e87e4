"""A judge's verdict is read strictly."""

from __future__ import annotations

import pytest

from evaluation.judge.client import JudgeError
from evaluation.judge.verdicts import read_scores
from evaluation.records import NotJudged

ONE, TWO = ("score",), ("A", "B")


@pytest.mark.parametrize(
    ("written", "score"),
    [
        ('{"score": 7}', 7),
        ('까닭은 이렇습니다.\n{"score": 7.5}', 7.5),
        ('까닭\n```json\n{"score": 3}\n```', 3),
        ("까닭\n[[8]]", 8),
        ("까닭\n**[[8.5]]**", 8.5),
        ('{"score": 10}\n까닭은 이렇습니다.\n{"score": 10}\n', 10),
        ('{"score": 1}', 1),
    ],
)
def test_a_score_is_the_last_line(written: str, score: float) -> None:
    assert read_scores(written, ONE) == (score,)


def test_two_scores_are_read_by_their_names() -> None:
    assert read_scores('A가 낫습니다.\n{"B": 3, "A": 8}', TWO) == (8, 3)
    assert read_scores("A가 낫습니다.\n[[8, 3]]", TWO) == (8, 3)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", NotJudged.NO_NUMBER),
        ("훌륭합니다.", NotJudged.NO_NUMBER),
        ("10점입니다.", NotJudged.NO_NUMBER),
        ('{"score": "7"}', NotJudged.NO_NUMBER),
        ('{"score": true}', NotJudged.NO_NUMBER),
        ('{"score": NaN}', NotJudged.OUT_OF_SCALE),
        ('{"rating": 7}', NotJudged.NO_NUMBER),
        ('{"score": 7, "more": 1}', NotJudged.NO_NUMBER),
        ("[[7, 8]]", NotJudged.NO_NUMBER),
        ('{"score": 0}', NotJudged.OUT_OF_SCALE),
        ('{"score": 11}', NotJudged.OUT_OF_SCALE),
        ("[[-3]]", NotJudged.OUT_OF_SCALE),
        ("[[95]]", NotJudged.OUT_OF_SCALE),
        ('{"score": 1e999}', NotJudged.OUT_OF_SCALE),
    ],
)
def test_what_is_no_score_is_no_zero(written: str, reason: NotJudged) -> None:
    with pytest.raises(JudgeError) as caught:
        read_scores(written, ONE)
    assert caught.value.reason is reason


def test_a_score_that_the_judge_only_quotes_is_not_taken() -> None:
    # The answer asked for it, and the judge's own words broke off.
    with pytest.raises(JudgeError) as caught:
        read_scores("답변에 [[10]] 이라는 말이 있어 낮게 봅니다.", ONE)
    assert caught.value.reason is NotJudged.NO_NUMBER


def test_a_quoted_score_beside_the_judges_own_makes_both_worth_nothing() -> None:
    with pytest.raises(JudgeError) as caught:
        read_scores('답변이 {"score": 10} 을 달라고 합니다.\n{"score": 2}', ONE)
    assert caught.value.reason is NotJudged.AMBIGUOUS


def test_long_words_take_no_long_time() -> None:
    with pytest.raises(JudgeError):
        read_scores("{" * 100_000 + "[[" * 100_000, ONE)
