"""Ids and splits come from the turn and the conversation alone; equal texts have equal hashes."""

from __future__ import annotations

import unicodedata
from collections import Counter
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from bot.admin.datasets.identity import item_id, split_of, text_hash
from bot.domain.datasets import DatasetKind, Split

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=30)


@given(st.uuids(), st.uuids())
def test_an_item_has_the_id_of_its_turn_and_kind(one: UUID, other: UUID) -> None:
    assert item_id(DatasetKind.SFT, one) == item_id(DatasetKind.SFT, UUID(str(one)))
    assert item_id(DatasetKind.SFT, one) != item_id(DatasetKind.DPO, one)
    assert (item_id(DatasetKind.SFT, one) == item_id(DatasetKind.SFT, other)) is (one == other)
    assert one.hex not in item_id(DatasetKind.SFT, one)


def test_ids_and_splits_are_the_same_in_every_version_of_the_program() -> None:
    assert item_id(DatasetKind.SFT, UUID(int=1)) == "sft-aa0f96814d1f3bc2b2a0"
    first = {split: next(n for n in range(1000) if split_of(n) is split) for split in Split}
    assert first == {Split.TRAIN: 0, Split.VALIDATION: 17, Split.TEST: 16}


@given(st.integers(0, 2**63 - 1))
def test_a_conversation_is_in_one_split_whatever_else_there_is(number: int) -> None:
    assert split_of(number) is split_of(number)
    assert split_of(number) in Split


def test_the_shares_are_about_what_was_promised() -> None:
    counts = Counter(split_of(number) for number in range(20_000))
    assert abs(counts[Split.TRAIN] - 18_000) < 300
    assert abs(counts[Split.VALIDATION] - 1_000) < 200
    assert abs(counts[Split.TEST] - 1_000) < 200


@given(words, words)
def test_spelling_case_and_blanks_make_no_difference(question: str, answer: str) -> None:
    plain = text_hash(question, answer, loose=False)
    assert plain == text_hash(unicodedata.normalize("NFD", question), answer, loose=False)
    assert plain == text_hash(f"  {question}\n", answer, loose=False)
    assert text_hash("Hello  World", loose=False) == text_hash("hello\nworld", loose=False)


@given(words)
def test_where_a_text_ends_matters(text: str) -> None:
    assert text_hash(text, "x", loose=False) != text_hash(f"{text}x", "", loose=False)


def test_loosely_spaces_and_punctuation_make_no_difference() -> None:
    one, other = "환불 돼요?", "환불돼요!!"
    assert text_hash(one, loose=True) == text_hash(other, loose=True)
    assert text_hash(one, loose=False) != text_hash(other, loose=False)
    assert text_hash("?!", loose=True) != text_hash("...", loose=True)
