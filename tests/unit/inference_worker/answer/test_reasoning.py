"""Reasoning never reaches people, wherever the stream is cut into chunks."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_worker.answer.reasoning import TAGS, ReasoningSplit, ends_inside_reasoning

prose = st.text(st.sampled_from("가나 .\n<>/tk[]!😀"), max_size=20)


def written(
    chunks: Sequence[str], *, begins_inside: bool | None = False, is_cut: bool = False
) -> tuple[list[str], ReasoningSplit]:
    split = ReasoningSplit(begins_inside=begins_inside)
    pieces = [*map(split.push, chunks), split.flush(is_cut=is_cut)]
    return pieces, split


def splits(text: str) -> list[Sequence[str]]:
    return [*((text[:at], text[at:]) for at in range(len(text) + 1)), tuple(text)]


@pytest.mark.parametrize(("opening", "closing"), [*TAGS.items(), ("<THINK>", "</Think>")])
@pytest.mark.parametrize("begins_inside", [False, None])
def test_a_passage_is_cut_at_every_split(
    opening: str, closing: str, begins_inside: bool | None
) -> None:
    text = f"\n{opening}\n2+2를 묻는다.\n{closing}\n\n4예요."
    for chunks in splits(text):
        pieces, split = written(chunks, begins_inside=begins_inside)
        assert "".join(pieces) == split.text == "4예요."
        assert split.reasoning == "2+2를 묻는다."


@pytest.mark.parametrize("begins_inside", [True, None])
@pytest.mark.parametrize("closing", TAGS.values())
def test_text_before_a_lone_closing_tag_is_reasoning(
    begins_inside: bool | None, closing: str
) -> None:
    for chunks in splits(f"사용자가 인사한다.\n{closing}\n안녕하세요!"):
        pieces, split = written(chunks, begins_inside=begins_inside)
        assert "".join(pieces) == split.text == "안녕하세요!"
        assert split.reasoning == "사용자가 인사한다."
        assert split.lone_closing_tag


def test_a_lone_closing_tag_of_a_model_that_never_thinks_still_ends_the_reasoning() -> None:
    pieces, split = written(["생각", "한다</think>답"])
    assert split.text == "답"
    assert split.reasoning == "생각한다"
    assert pieces[-2:] == ["답", ""]


@given(before=prose, after=prose, data=st.data())
@settings(max_examples=300, deadline=None)
def test_no_part_of_a_tag_is_ever_shown(before: str, after: str, data: st.DataObject) -> None:
    text = f"<think>비밀{before}</think>답{after}"
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)))))
    chunks = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    pieces, split = written(chunks)
    assert "".join(pieces) == split.text == f"답{after}"
    assert "비밀" in split.reasoning


@given(text=prose)
@settings(max_examples=300, deadline=None)
def test_ordinary_text_comes_whole(text: str) -> None:
    for begins_inside in (False, None):
        pieces, split = written(tuple(text), begins_inside=begins_inside)
        assert "".join(pieces) == split.text == text


@pytest.mark.parametrize(
    "text",
    [
        "`<think>` 태그와 `</think>` 태그를 써요.",
        "예:\n```html\n<think>\n생각\n</think>\n```\n끝이에요.",
        "HTML에는 <think> 태그가 없어요.",
    ],
)
def test_tags_in_code_and_unclosed_ones_are_text(text: str) -> None:
    for chunks in splits(text):
        pieces, split = written(chunks)
        assert "".join(pieces) == split.text == text
        assert not split.reasoning


def test_reasoning_that_was_cut_is_not_shown() -> None:
    for chunks in splits("<think>길고 긴 생각"):
        pieces, split = written(chunks, is_cut=True)
        assert not "".join(pieces)
        assert split.reasoning == "길고 긴 생각"
    pieces, _ = written(["길고 긴 생각"], begins_inside=True, is_cut=True)
    assert not "".join(pieces)


def test_several_passages_are_all_cut() -> None:
    for chunks in splits("<think>하나</think>첫째. <think>둘</think>둘째."):
        _, split = written(chunks)
        assert split.text == "첫째. 둘째."
        assert split.reasoning == "하나\n\n둘"


def test_a_prompt_that_opens_the_reasoning_is_known() -> None:
    assert ends_inside_reasoning("<|Assistant|><think>\n")
    assert not ends_inside_reasoning("<|im_start|>assistant\n")


@pytest.mark.parametrize(
    "unit", ["`</think>` ", "`<think>`\n", "</think>", "<think>x</think>", "<t"]
)
def test_work_grows_with_the_text_and_not_faster(unit: str) -> None:
    def cpu_s(count: int) -> float:
        split, text = ReasoningSplit(begins_inside=None), unit * count
        started = time.process_time()
        for at in range(0, len(text), 4):
            split.push(text[at : at + 4])
        split.flush(is_cut=False)
        return time.process_time() - started

    small, large = (min(cpu_s(count) for _ in range(3)) for count in (1000, 4000))
    assert large < 10 * small  # 16 times where it is quadratic
