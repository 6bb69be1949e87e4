"""A line of a data set: what is taken, and a sentence for everything else."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest

from inference_queue.protocol import Message, Role
from tests.support.training import dpo_row, said, sft_row
from training.errors import TrainingError
from training.record_reading import read_record
from training.records import Kind, Record

QUESTION, ANSWER = said("user", "환불은요?"), said("assistant", "7일 안에 됩니다.")


def read(row: object, kind: Kind = Kind.SFT) -> Record:
    line = row if isinstance(row, bytes) else json.dumps(row, ensure_ascii=False).encode()
    return read_record(line, kind, "train.jsonl, line 3")


def test_the_last_answer_is_what_is_learnt() -> None:
    record = read({"id": "a", "messages": [QUESTION, ANSWER, said("user", "그럼?"), ANSWER]})
    assert record.id == "a"
    assert [message.role for message in record.prompt] == [Role.USER, Role.ASSISTANT, Role.USER]
    assert record.answers == ("7일 안에 됩니다.",)


def test_a_pair_has_the_better_answer_first() -> None:
    record = read(dpo_row("환불은요?", "됩니다.", "몰라요."), Kind.DPO)
    assert record.prompt == (Message(Role.USER, "환불은요?"),)
    assert record.answers == ("됩니다.", "몰라요.")


def test_trl_s_other_formats_are_taken() -> None:
    assert read({"prompt": [QUESTION], "completion": [ANSWER]}).answers == ("7일 안에 됩니다.",)
    whole = {"chosen": [QUESTION, ANSWER], "rejected": [QUESTION, said("assistant", "몰라요.")]}
    assert read(whole, Kind.DPO).answers == ("7일 안에 됩니다.", "몰라요.")


def test_texts_are_composed_and_a_byte_order_mark_is_no_part_of_them() -> None:
    row = sft_row(unicodedata.normalize("NFD", "환불"), " 됩니다.\n")
    record = read(b"\xef\xbb\xbf" + json.dumps(row).encode())
    assert record.prompt[0].content == "환불"
    assert record.answers == ("됩니다.",)


REFUSED: dict[str, tuple[Any, Kind, str]] = {
    "not JSON": (b"question,answer", Kind.SFT, "is not JSON .* one object on each line"),
    "CP949": ('{"messages": "환불"}'.encode("cp949"), Kind.SFT, "not UTF-8.*iconv -f cp949"),
    "UTF-16": ('{"messages": 1}'.encode("utf-16"), Kind.SFT, "not UTF-8.*iconv -f utf-16"),
    "a list": ([QUESTION], Kind.SFT, "no JSON object, but list"),
    "pairs for SFT": (dpo_row("q", "a", "b"), Kind.SFT, "use `python -m training dpo`"),
    "answers for DPO": (sft_row("q", "a"), Kind.DPO, "use `python -m training sft`"),
    "one class": ({"prompt": [QUESTION], "chosen": [ANSWER]}, Kind.DPO, r"one class only \(chosen"),
    "other columns": ({"q": "a"}, Kind.SFT, "has the columns q, but sft needs messages or"),
    "a text": ({"messages": "환불은요?"}, Kind.SFT, "no list of messages: convert it"),
    "a role": (
        {"messages": [said("tool", "3"), ANSWER]},
        Kind.SFT,
        "role 'tool'.*use system, user",
    ),
    "an odd role": ({"messages": [{"role": ["user"], "content": "x"}]}, Kind.SFT, "role"),
    "a picture": ({"messages": [{"role": "user", "content": [{}]}]}, Kind.SFT, "no text"),
    "no question": ({"messages": [ANSWER]}, Kind.SFT, "no user's message before the answer"),
    "no answer": ({"messages": [QUESTION, QUESTION]}, Kind.SFT, "does not end with the assistant"),
    "empty": (sft_row("q", " \n"), Kind.SFT, "has an empty answer"),
    "half a character": (sft_row("\ud800", "a"), Kind.SFT, "half of a character"),
    "two questions": (
        {"chosen": [QUESTION, ANSWER], "rejected": [said("user", "?"), ANSWER]},
        Kind.DPO,
        "do not answer the same messages",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_learnt_from_is_refused_with_a_sentence(name: str) -> None:
    row, kind, sentence = REFUSED[name]
    line = row if isinstance(row, bytes) else json.dumps(row).encode()
    with pytest.raises(TrainingError, match=sentence) as refused:
        read(line, kind)
    assert str(refused.value).startswith("train.jsonl, line 3")


def test_every_answer_of_a_conversation_can_be_a_record() -> None:
    record = read({"id": "a", "messages": [QUESTION, ANSWER, said("user", "그럼?"), ANSWER]})
    parts = list(record.unrolled())
    assert [(part.id, len(part.prompt), part.answers) for part in parts] == [
        ("a/1", 1, ("7일 안에 됩니다.",)),
        ("a", 3, ("7일 안에 됩니다.",)),
    ]
