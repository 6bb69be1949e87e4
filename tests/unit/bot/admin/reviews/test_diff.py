"""What was changed in an answer, as the page shows it."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bot.admin.reviews.diff import MAX_EDITS, Change, Part, changes, shortened

texts = st.text(alphabet="가나 다\n은이a.", max_size=60)


def shown(before: str, after: str) -> str:
    marks = {Change.SAME: "{}", Change.REMOVED: "[-{}-]", Change.ADDED: "[+{}+]"}
    return "".join(marks[part.change].format(part.text) for part in changes(before, after))


def test_of_a_word_only_its_particle_has_changed() -> None:
    assert shown("환불은 됩니다", "환불이 됩니다") == "환불[-은-][+이+] 됩니다"


def test_words_are_removed_added_and_kept() -> None:
    before = "보통 이틀 걸립니다. 더 궁금하시면 물어봐 주세요."
    after = "보통 사흘 걸립니다. 궁금하시면 언제든지 물어봐 주세요."
    shown_parts = shown(before, after)
    assert (
        shown_parts
        == "보통 [-이틀-][+사흘+] 걸립니다. [-더 -]궁금하시면[+ 언제든지+] 물어봐 주세요."
    )


def test_a_rewritten_line_reads_as_one_change() -> None:
    assert shown("답: 내일 오후 옵니다", "답: 모레 아침 옵니다") == (
        "답: [-내일 오후-][+모레 아침+] 옵니다"
    )


def test_equal_texts_are_one_part_and_empty_ones_none() -> None:
    assert changes("같은 글", "같은 글") == [Part(Change.SAME, "같은 글")]
    assert changes("", "") == []
    assert changes("", "새 글") == [Part(Change.ADDED, "새 글")]
    assert changes("옛 글", "") == [Part(Change.REMOVED, "옛 글")]


def test_texts_that_differ_too_much_are_shown_as_a_whole() -> None:
    before = " ".join(f"ㄱ{number}" for number in range(MAX_EDITS))
    after = " ".join(f"{number}ㄴ" for number in range(MAX_EDITS))
    assert changes(before, after) == [Part(Change.REMOVED, before), Part(Change.ADDED, after)]


@given(texts, texts)
def test_the_parts_make_both_texts(before: str, after: str) -> None:
    parts = changes(before, after)
    assert "".join(part.text for part in parts if part.change is not Change.ADDED) == before
    assert "".join(part.text for part in parts if part.change is not Change.REMOVED) == after
    assert all(part.text for part in parts)
    assert all(a.change is not b.change for a, b in pairwise(parts))


def test_a_long_comparison_is_cut_where_nothing_changed() -> None:
    parts = changes("가" * 500 + " 나 " + "다" * 500, "가" * 500 + " 라 " + "다" * 500)
    assert shortened(parts, 2_000) == parts
    cut = shortened(parts, 400)
    assert [part for part in cut if part.change is not Change.SAME] == [
        Part(Change.REMOVED, "나"),
        Part(Change.ADDED, "라"),
    ]
    assert sum(len(part.text) for part in cut) < 400


def test_of_a_long_replacement_both_sides_are_shown() -> None:
    cut = shortened(changes("가" * 900, "나" * 900), 1_000)
    assert [len(part.text.replace(" … ", "")) for part in cut] == [500, 500]
