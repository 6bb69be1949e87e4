"""Questions are read in every form that there is, and what is wrong is a sentence."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from evaluation.errors import EvaluationError
from evaluation.question_files import read_questions, without_trained
from inference_queue.protocol import Role
from tests.support.evaluation import logickor_rows, write_lines

SAID = [
    {"role": "user", "content": "환불되나요?"},
    {"role": "assistant", "content": "네, 7일 안에 됩니다."},
    {"role": "user", "content": "어떻게 하나요?"},
]


def read(tmp_path: Path, *rows: dict[str, Any]) -> Any:
    return read_questions(write_lines(tmp_path / "questions.jsonl", rows))


def test_the_answer_of_an_sft_export_is_not_asked(tmp_path: Path) -> None:
    row = {"id": "sft-1", "messages": [*SAID, {"role": "assistant", "content": "앱에서 하세요."}]}
    (one,) = read(tmp_path, row).questions
    assert one.id == "sft-1"
    assert [spoken.content for spoken in one.history] == ["환불되나요?", "네, 7일 안에 됩니다."]
    assert [turn.text for turn in one.turns] == ["어떻게 하나요?"]


def test_a_dpo_export_asks_its_prompt(tmp_path: Path) -> None:
    answers: dict[str, Any] = {"chosen": [], "rejected": []}
    (one,) = read(tmp_path, {"id": "dpo-1", "prompt": SAID, **answers}).questions
    assert one.history[-1].role is Role.ASSISTANT
    assert one.turns[0].text == "어떻게 하나요?"


def test_a_question_of_ones_own_may_bring_what_is_right(tmp_path: Path) -> None:
    row = {"question": "1+1은?", "category": "산수", "reference": "2", "pattern": "^2"}
    (one,) = read(tmp_path, row).questions
    assert (one.id, one.category) == ("1", "산수")
    assert (one.turns[0].reference, one.turns[0].pattern) == ("2", "^2")


def test_logickors_references_are_for_the_judge_alone(tmp_path: Path) -> None:
    found = read(tmp_path, *logickor_rows())
    first = found.questions[0].turns[0]
    assert (first.guide, first.reference) == ("0번의 답", "")
    assert found.turns == 84


def test_a_third_turn_of_logickor_is_not_asked(tmp_path: Path) -> None:
    row = {"id": 3, "category": "추론(Reasoning)", "questions": ["하나", "둘", "둘"]}
    (one,) = read(tmp_path, row).questions
    assert [turn.text for turn in one.turns] == ["하나", "둘"]


def test_repeated_questions_are_asked_once_and_counted(tmp_path: Path) -> None:
    found = read(
        tmp_path, {"question": "같은 말"}, {"question": "같은 말"}, {"question": "다른 말"}
    )
    assert len(found.questions) == 2
    assert found.repeated == 1


def test_the_form_of_the_file_does_not_make_another_set(tmp_path: Path) -> None:
    one = read(tmp_path, {"id": "a", "question": "무엇?"})
    path = tmp_path / "other.jsonl"
    path.write_text('\ufeff\n{"question":  "\\ubb34\\uc5c7?", "id": "a"}', "utf-8")
    other = read_questions(path)
    assert one.sha256 != other.sha256
    assert one.digest == other.digest


def test_conversations_that_begin_alike_are_one_cluster(tmp_path: Path) -> None:
    longer = [*SAID, {"role": "assistant", "content": "앱에서요."}, SAID[0] | {"content": "왜요?"}]
    found = read(tmp_path, {"id": "a", "prompt": SAID}, {"id": "b", "prompt": longer}).questions
    assert found[0].cluster == found[1].cluster


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({}, "none of questions, prompt, messages, question"),
        ({"prompt": [{"role": "tool", "content": "x"}]}, "does not know the role 'tool'"),
        ({"prompt": SAID[:2]}, "must be the user's"),
        ({"messages": []}, "not empty"),
        ({"prompt": [{"role": "user"}]}, "a role and a text"),
        ({"question": ""}, "text"),
        ({"question": 7}, "content"),
        ({"question": "a", "pattern": "("}, "no regular expression"),
        ({"questions": "abc"}, "must be lists"),
        ({"questions": [1, 2]}, "text"),
    ],
)
def test_a_wrong_line_is_named_with_its_fault(
    tmp_path: Path, row: dict[str, Any], why: str
) -> None:
    with pytest.raises(EvaluationError, match=r"line 2: .*") as caught:
        read(tmp_path, {"question": "좋은 줄"}, row)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no questions"),
        (b"\n\n", "no questions"),
        ("질문".encode("cp949"), "not UTF-8"),
        (b"[1]", "not a JSON object"),
        (b'{"question": "a"', "not a JSON object"),
        (b'{"id": 1, "question": "a"}\n{"id": "1", "question": "b"}', "more than one question"),
    ],
)
def test_a_wrong_file_is_a_sentence(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_bytes(content)
    with pytest.raises(EvaluationError, match=why):
        read_questions(path)


def test_another_checksum_is_refused(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "q.jsonl", [{"question": "a"}])
    right = hashlib.sha256(path.read_bytes()).hexdigest()
    assert read_questions(path, sha256=right.upper()).sha256 == right
    with pytest.raises(EvaluationError, match="not the file that was expected"):
        read_questions(path, sha256="0" * 64)


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="check its name"):
        read_questions(tmp_path / "none.jsonl")


def test_questions_that_training_has_seen_are_left_out_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = read_questions(
        write_lines(tmp_path / "test.jsonl", [{"question": "환불은?"}, {"question": "배송은?"}])
    )
    answered = [
        {"role": "user", "content": "환불은?"},
        {"role": "assistant", "content": "7일 안에 돼요."},
    ]
    trained = write_lines(tmp_path / "train.jsonl", [{"messages": answered}])
    kept = without_trained(asked, trained)
    assert [one.turns[0].text for one in kept.questions] == ["배송은?"]
    assert "1 questions stand in train.jsonl" in capsys.readouterr().err


def test_questions_that_training_has_all_seen_are_a_sentence(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "train.jsonl", [{"question": "환불은?"}])
    with pytest.raises(EvaluationError, match="not seen"):
        without_trained(read_questions(path), path)
