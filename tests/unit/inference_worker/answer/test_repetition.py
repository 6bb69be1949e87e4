"""Endless repetition is noticed and cut; lists, tables, poems and code never are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_worker.answer.repetition import (
    DEFAULT_LIMIT_CHARS,
    RepetitionGuard,
    cut_loop,
    find_loop,
)


def stops(text: str, chunk: int = 3) -> bool:
    guard = RepetitionGuard(DEFAULT_LIMIT_CHARS)
    return any(guard.push(text[at : at + chunk]) for at in range(0, len(text), chunk))


def cut(text: str) -> str:
    loop = find_loop(text, limit_chars=DEFAULT_LIMIT_CHARS)
    return cut_loop(text, loop) if loop else text


LOOPS = {
    "sentence": ("서울은 아름다운 도시입니다. ", "서울은 아름다운 도시입니다."),
    "word": ("그리고 ", "그리고"),
    "paragraph": ("첫 문장이에요. 둘째 문장은 더 길어요.\n\n" * 3, None),
    "laughter": ("ㅋ", None),
    "english": ("the country of France. ", "the country of France."),
    "lines": ("네, 맞아요.\n아니요, 달라요.\n", "네, 맞아요.\n아니요, 달라요."),
}


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("before", ["", "물론이죠! 설명해 드릴게요. ", "가" * 3000])
def test_repetition_is_noticed_and_cut_to_one_passage(name: str, before: str) -> None:
    passage, once = LOOPS[name]
    text = before + passage * (4000 // len(passage) + 4)
    assert stops(text)
    short = cut(text)
    assert text.startswith(short)
    assert len(short) <= len(before) + 2 * len(passage)
    if once:
        assert short == before + once


def test_numbered_items_that_are_all_equal_are_a_loop() -> None:
    text = "목록:\n" + "".join(
        f"{n}. 한강에서 자전거를 타고 남산에 올라가 보세요.\n" for n in range(1, 60)
    )
    assert stops(text)
    assert cut(text) == "목록:\n1. 한강에서 자전거를 타고 남산에 올라가 보세요."


def test_a_cut_does_not_end_within_a_word() -> None:
    text = "안녕하세요. " + "좋아요. " * 300
    assert cut(text) == "안녕하세요. 좋아요."


words = st.sampled_from(
    ["사과", "배", "포도", "수박", "서울", "부산", "한강", "남산", "회의", "점심"]
)
items = st.lists(words, min_size=1, max_size=4).map(" ".join)


@st.composite
def numbered(draw: st.DrawFn) -> str:
    return "".join(f"{n}. {draw(items)}\n" for n in range(1, draw(st.integers(1, 120))))


@st.composite
def table(draw: st.DrawFn) -> str:
    columns = draw(st.integers(2, 12))
    rule = "|" + "---|" * columns + "\n"
    blank = ("|" + " " * draw(st.integers(1, 8))) * columns + "|\n"
    rows = [
        f"| {n} | " + " | ".join(draw(items) for _ in range(columns - 1)) + " |\n"
        for n in range(draw(st.integers(0, 20)))
    ]
    return rule + "".join(rows) + blank * draw(st.integers(0, 25))


@st.composite
def poem(draw: st.DrawFn) -> str:
    refrain = "나 보기가 역겨워 가실 때에는\n말없이 고이 보내 드리오리다\n"
    verses = [draw(items) + "\n" + refrain * draw(st.integers(1, 6)) for _ in range(8)]
    return "\n".join(verses) + "라라라 " * draw(st.integers(0, 60))


@st.composite
def code(draw: st.DrawFn) -> str:
    size = draw(st.integers(1, 24))
    row = "    [" + "0, " * size + "],\n"
    calls = "".join(
        f"    assert add({n}, {n}) == {2 * n}\n" for n in range(draw(st.integers(0, 90)))
    )
    return f"```python\ngrid = [\n{row * size}]\n{'=' * 80}\n{'#' * 79}\n{calls}```\n"


@given(text=st.one_of(numbered(), table(), poem(), code()))
@settings(max_examples=150, deadline=None)
def test_lists_tables_poems_and_code_never_meet_the_limit(text: str) -> None:
    assert not stops(text, chunk=7)


@pytest.mark.parametrize(
    "text",
    [
        "사랑해 " * 100,
        "-" * 500,
        "ㅋ" * 300,
        ". " * 400,
        "".join(f"{a} × {b} = {a * b}\n" for a in range(1, 20) for b in range(1, 20)),
        "".join(f"| {n} | {n * n} |\n" for n in range(500)),
        "".join(f"{n}일차: 30분 걷기\n" for n in range(1, 100)),
    ],
)
def test_what_people_ask_for_is_no_loop(text: str) -> None:
    assert not stops(text)


def test_zero_switches_the_guard_off() -> None:
    guard = RepetitionGuard(0)
    assert not any(guard.push("ㅋ" * 100) for _ in range(200))
