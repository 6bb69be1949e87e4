"""Runs survive a kill, and are never mixed."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.errors import EvaluationError
from evaluation.json_lines import JsonLines
from evaluation.records import Answer, JudgeUsed
from evaluation.run_folder import RunFolder, locked
from tests.support.evaluation import answer, question, question_set, run_in

QUESTIONS = question_set(question("a"), question("b"))


def test_half_a_line_is_dropped_and_the_rest_goes_on(tmp_path: Path) -> None:
    lines = JsonLines(tmp_path / "answers.jsonl", Answer)
    lines.append(answer("a", "첫째 답"))
    with (tmp_path / "answers.jsonl").open("ab") as file:
        file.write(answer("b", "둘째 답").model_dump_json().encode()[:-9])
    assert [one.question for one in lines.read()] == ["a"]
    lines.append(answer("c", "셋째 답"))
    assert [one.question for one in lines.read()] == ["a", "c"]


def test_a_kill_within_a_letter_is_survived(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    lines = JsonLines(path, Answer)
    lines.append(answer("a", "가\u2028나"))
    path.write_bytes(path.read_bytes() + "답".encode()[:2])
    assert [one.text for one in lines.read()] == ["가\u2028나"]


def test_a_damaged_line_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text('{"question": 1}\n')
    with pytest.raises(EvaluationError, match="line 1 is damaged"):
        JsonLines(path, Answer).read()


def test_the_same_run_goes_on(tmp_path: Path) -> None:
    run_in(tmp_path, QUESTIONS, [answer("a", "답")])
    again = run_in(tmp_path, QUESTIONS, [])
    assert list(again.by_turn()) == [("a", 0)]


def test_another_engine_does_not_go_on(tmp_path: Path) -> None:
    run_in(tmp_path, QUESTIONS, [])
    with pytest.raises(EvaluationError, match=r"another run \(engine\.asked_for differ\)"):
        run_in(tmp_path, QUESTIONS, [], name="bllossom-8b")


def test_other_questions_do_not_go_on(tmp_path: Path) -> None:
    run_in(tmp_path, QUESTIONS, [])
    with pytest.raises(EvaluationError, match=r"asked\.digest"):
        run_in(tmp_path, question_set(question("a")), [])


def test_changed_questions_are_noticed(tmp_path: Path) -> None:
    run_in(tmp_path, QUESTIONS, [])
    path = tmp_path / "questions.json"
    path.write_text(path.read_text().replace("질문 a", "다른 질문"))
    with pytest.raises(EvaluationError, match="was changed"):
        RunFolder.load(tmp_path)


def test_one_run_has_one_judge(tmp_path: Path) -> None:
    run = run_in(tmp_path, QUESTIONS, [])
    judge = JudgeUsed(url="http://127.0.0.1:1/v1", model="하나", prompt_version=1, seed=0)
    run.judge_with(judge)
    run.judge_with(judge)
    with pytest.raises(EvaluationError, match="was judged by 하나"):
        run.judge_with(judge.model_copy(update={"model": "둘"}))


def test_two_evaluations_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        locked(tmp_path),
        pytest.raises(EvaluationError, match="in use by another"),
        locked(tmp_path),
    ):
        pass
    with locked(tmp_path):
        pass


def test_a_folder_that_is_no_run_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="name the folder of a run"):
        RunFolder.load(tmp_path)
