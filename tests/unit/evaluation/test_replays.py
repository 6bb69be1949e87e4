"""Replays of the dashboard, and how far the judge agrees with the people who voted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.admin.replay.exported import COLUMNS
from evaluation.comparing import PairVerdict
from evaluation.errors import EvaluationError
from evaluation.pairs import pairs_of
from evaluation.replays import _Row, agreement, read_replay, read_two_replays
from tests.support.evaluation import write_lines


def row(position: int, **votes: int) -> dict[str, Any]:
    """A pair as the dashboard exports it (bot/admin/replay/exported.py)."""
    return {
        "replay": 3,
        "position": position,
        "turn": str(position),
        "question": f"질문 {position}",
        "old_answer": "옛 답변",
        "new_answer": "새 답변",
        "old_model": "Bllossom",
        "new_model": "Bllossom 2",
        "old_tokens": 10,
        "new_tokens": 12,
        "old_ms": 900.0,
        "new_ms": None,
        **{f"votes_{name}": votes.get(name, 0) for name in ("old", "new", "tie", "both_bad")},
    }


def test_the_old_answers_are_the_baseline(tmp_path: Path) -> None:
    replay = read_replay(write_lines(tmp_path / "replay-3.jsonl", [row(1), row(2, new=1)]))
    assert (replay.baseline.label, replay.candidate.label) == ("Bllossom", "Bllossom 2")
    (one, _other) = pairs_of(replay.questions, replay.baseline, replay.candidate)
    assert [answers[0].text for answers in (one.baseline, one.candidate)] == ["옛 답변", "새 답변"]


def test_every_field_is_one_of_the_dashboards_export() -> None:
    assert set(_Row.model_fields) <= set(COLUMNS)
    assert set(row(1)) == set(COLUMNS)


def test_a_vote_is_what_most_people_prefer(tmp_path: Path) -> None:
    rows = [
        row(1, new=2, old=1),
        row(2, old=1),
        row(3, new=1, old=1),
        row(4, tie=1),
        row(5, both_bad=2, new=1),
        row(6),
    ]
    replay = read_replay(write_lines(tmp_path / "r.jsonl", rows))
    assert replay.votes == {
        "1": "candidate", "2": "baseline", "3": "neither", "4": "neither", "5": "neither",
    }  # fmt: skip


def test_kappa_is_that_of_the_judge_and_the_votes(tmp_path: Path) -> None:
    # 20 pairs, 14 alike; 12 of the judge's and 12 of the people's prefer the new answer:
    # by chance 0.6 * 0.6 + 0.4 * 0.4 = 0.52, so (0.7 - 0.52) / 0.48 = 0.375.
    votes = ["new"] * 9 + ["old"] * 3 + ["new"] * 3 + ["old"] * 5
    rows = [row(number, **{vote: 1}) for number, vote in enumerate(votes, 1)]
    replay = read_replay(write_lines(tmp_path / "r.jsonl", rows))
    judged = {
        str(number): PairVerdict(5, 7 if number <= 12 else 3, agrees=True)
        for number in range(1, 21)
    }
    pairs = pairs_of(replay.questions, replay.baseline, replay.candidate)
    found = agreement(pairs, judged, replay.votes)
    assert (found.pairs, found.same) == (20, 14)
    assert found.kappa == pytest.approx(0.375)
    assert found.low is not None
    assert found.low < 0.375


def test_one_class_alone_leaves_kappa_undefined(tmp_path: Path) -> None:
    rows = [row(number, new=1) for number in range(1, 21)]
    replay = read_replay(write_lines(tmp_path / "r.jsonl", rows))
    judged = {str(number): PairVerdict(5, 7, agrees=True) for number in range(1, 21)}
    pairs = pairs_of(replay.questions, replay.baseline, replay.candidate)
    assert agreement(pairs, judged, replay.votes).kappa is None


@pytest.mark.parametrize("rows", [[], [{"question": "다른 파일"}]])
def test_another_file_is_a_sentence(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    with pytest.raises(EvaluationError, match=r"has no pairs|is not a replay"):
        read_replay(write_lines(tmp_path / "r.jsonl", rows))


def test_two_replays_are_compared_by_their_new_answers(tmp_path: Path) -> None:
    """On the questions that both have, whatever the order."""
    old = [row(1, new=1), row(2), row(3)]
    new = [{**row(number), "new_answer": "더 새 답변"} for number in (3, 2, 9)]
    found = read_two_replays(
        write_lines(tmp_path / "replay-3.jsonl", old), write_lines(tmp_path / "replay-4.jsonl", new)
    )
    pairs = pairs_of(found.questions, found.baseline, found.candidate)
    assert [pair.question.id for pair in pairs] == ["2", "3"]
    assert {pair.baseline[0].text for pair in pairs} == {"새 답변"}
    assert {pair.candidate[0].text for pair in pairs} == {"더 새 답변"}
    assert found.baseline.label != found.candidate.label
    assert (found.id, found.votes) == (None, {})


def test_two_replays_of_different_questions_are_a_sentence(tmp_path: Path) -> None:
    one = write_lines(tmp_path / "one.jsonl", [row(1)])
    other = write_lines(tmp_path / "other.jsonl", [row(2)])
    with pytest.raises(EvaluationError, match="no question in common"):
        read_two_replays(one, other)
