"""LogicKor: its form, and the card's row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluation import logickor
from evaluation.errors import EvaluationError
from evaluation.logickor import CARD, CATEGORIES, as_logickor, refuse_changed
from evaluation.question_files import read_questions
from tests.support.evaluation import logickor_rows, write_lines


def test_categories_take_the_cards_names(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "q.jsonl", logickor_rows())
    found = as_logickor(read_questions(path))
    assert {one.category for one in found.questions} == set(CATEGORIES)


@pytest.mark.parametrize("left_out", [1, 7, 42])
def test_other_questions_are_refused(tmp_path: Path, left_out: int) -> None:
    rows = logickor_rows()[left_out:] or [{"question": "a"}]
    path = write_lines(tmp_path / "q.jsonl", rows)
    with pytest.raises(EvaluationError, match="is not LogicKor"):
        as_logickor(read_questions(path))


def test_a_question_of_one_turn_is_not_logickors(tmp_path: Path) -> None:
    rows = logickor_rows()
    rows[0]["questions"] = rows[0]["questions"][:1]
    path = write_lines(tmp_path / "q.jsonl", rows)
    with pytest.raises(EvaluationError, match="has 2 turns"):
        as_logickor(read_questions(path))


def test_other_questions_of_the_same_form_are_refused(tmp_path: Path) -> None:
    found = as_logickor(read_questions(write_lines(tmp_path / "q.jsonl", logickor_rows())))
    with pytest.raises(EvaluationError, match=f"--sha256 {found.sha256}"):
        refuse_changed(found)


def test_the_published_questions_are_known_whatever_the_form_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = as_logickor(read_questions(write_lines(tmp_path / "q.jsonl", logickor_rows())))
    monkeypatch.setattr(logickor, "FINGERPRINT", logickor.fingerprint(found))
    path = tmp_path / "other.jsonl"
    path.write_text("\r\n".join(map(json.dumps, logickor_rows())), "utf-8")
    refuse_changed(as_logickor(read_questions(path)))
    rows = logickor_rows()
    rows[13]["questions"][1] += " 짧게."
    with pytest.raises(EvaluationError):
        refuse_changed(as_logickor(read_questions(write_lines(path, rows))))


def test_the_cards_row_is_consistent() -> None:
    # Each category has as many questions, so the overall score is the mean of theirs.
    mean = sum(CARD[name] for name in CATEGORIES) / len(CATEGORIES)
    assert mean == pytest.approx(CARD["overall"], abs=0.005)
    assert (CARD["single"] + CARD["multi"]) / 2 == pytest.approx(CARD["overall"])
