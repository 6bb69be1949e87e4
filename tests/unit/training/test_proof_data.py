"""The proof's pairs and questions: the rule tells answers apart, nothing is on both sides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evaluation.checks import is_correct
from evaluation.question_files import read_questions
from training.dataset import read_dataset
from training.proof_data import PATTERN, follows_rule, write_pairs, write_questions
from training.records import Kind


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_the_rule_tells_the_better_answer_from_the_worse(tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs")
    dataset = read_dataset(tmp_path / "pairs", Kind.DPO)
    assert (len(dataset.train), len(dataset.held_out)) == (200, 40)
    for record in (*dataset.train, *dataset.held_out):
        assert [follows_rule(answer) for answer in record.answers] == [True, False]


def test_the_evaluation_asks_what_is_held_out_and_checks_the_rule(tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs")
    write_questions(tmp_path / "questions.jsonl")
    asked = read_questions(tmp_path / "questions.jsonl").questions
    pairs = {name: rows(tmp_path / f"pairs/{name}.jsonl") for name in ("train", "validation")}
    texts = {
        name: {row["prompt"][-1]["content"] for row in listed} for name, listed in pairs.items()
    }
    held_out = {one.turns[0].text for one in asked}
    assert held_out == texts["validation"]
    assert not held_out & texts["train"]
    for text in (" Sure! A pear is a fruit.", "A pear is a fruit. Sure!"):
        assert is_correct(text, asked[0].turns[0]) is follows_rule(text)
    assert {one.turns[0].pattern for one in asked} == {PATTERN}
