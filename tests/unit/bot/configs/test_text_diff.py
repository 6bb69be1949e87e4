"""The difference of two texts: shortest, whole, and never long to compute."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.configs.text_diff import MAX_STEPS, Line, Part, Side, Steps, diff_texts, hunks

few_words = st.lists(st.sampled_from("가나다"), max_size=10)


@given(few_words, few_words)
def test_hunks_cover_both_sequences_and_keep_as_much_as_possible(
    old: list[str], new: list[str]
) -> None:
    i = j = kept = 0
    for hunk in hunks(old, new, Steps()):
        assert (hunk.old[0], hunk.new[0]) == (i, j)
        (i, j) = (hunk.old[1], hunk.new[1])
        if hunk.equal:
            assert old[slice(*hunk.old)] == new[slice(*hunk.new)]
            kept += hunk.old[1] - hunk.old[0]
    assert (i, j) == (len(old), len(new))
    assert kept == longest_common(old, new)


def longest_common(old: Sequence[str], new: Sequence[str]) -> int:
    """The textbook's quadratic table."""
    table = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i, one in enumerate(old):
        for j, other in enumerate(new):
            longer = max(table[i][j + 1], table[i + 1][j])
            table[i + 1][j + 1] = table[i][j] + 1 if one == other else longer
    return table[-1][-1]


@given(st.text("가 \n"), st.text("가 \n"))
def test_both_texts_can_be_read_off_their_difference(old: str, new: str) -> None:
    lines = [line for line in diff_texts(old, new) if line.side is not Side.GAP]
    if any(line.side is Side.GAP for line in diff_texts(old, new)):
        return
    for text, side in ((old, Side.OLD), (new, Side.NEW)):
        seen = [line for line in lines if line.side in (side, Side.BOTH)]
        assert "\n".join("".join(part.text for part in line.parts) for line in seen) == text


def test_a_changed_word_is_marked_within_its_line() -> None:
    lines = diff_texts("넷 다섯 여섯\n일곱", "넷 다섯이 여섯\n일곱")
    assert lines == [
        Line(Side.OLD, (Part("넷 ", False), Part("다섯", True), Part(" 여섯", False))),
        Line(Side.NEW, (Part("넷 ", False), Part("다섯이", True), Part(" 여섯", False))),
        Line(Side.BOTH, (Part("일곱", False),)),
    ]


def test_long_unchanged_stretches_are_left_out_and_counted() -> None:
    same = [f"줄 {number}" for number in range(30)]
    lines = diff_texts("\n".join([*same, "끝"]), "\n".join([*same, "마지막"]))
    assert [line.side for line in lines] == [
        Side.GAP,
        Side.BOTH,
        Side.BOTH,
        Side.OLD,
        Side.NEW,
    ]
    assert lines[0].left_out == 28


@pytest.mark.parametrize("ends", ["\n", " "])
def test_texts_without_a_common_word_end_the_search_and_count_as_replaced(ends: str) -> None:
    rng = random.Random(3)
    old, new = (ends.join(rng.choice("가나다라") for _ in range(10_000)) for _ in range(2))
    steps = Steps()
    lines = diff_texts(old, new, steps)
    assert steps.left < 0
    assert -steps.left < MAX_STEPS, "it stops within one round of the bound"
    for side, text in ((Side.OLD, old), (Side.NEW, new)):
        seen = [line for line in lines if line.side in (side, Side.BOTH)]
        shown = sum(len(part.text) for line in seen for part in line.parts)
        left_out = sum(line.left_out for line in lines)
        assert shown + len(seen) - 1 == len(text) or left_out


def test_steps_are_shared_by_the_comparisons_of_a_page() -> None:
    steps = Steps(left=0)
    lines = diff_texts("하나 둘", "하나 셋", steps)
    assert [line.parts for line in lines] == [
        (Part("하나 ", False), Part("둘", True)),
        (Part("하나 ", False), Part("셋", True)),
    ], "the common beginning is found without steps"
