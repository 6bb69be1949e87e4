from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference_worker.engines.local.detokenizer import TextStream

QUIET = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

korean = st.text(
    st.one_of(
        st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3),
        st.sampled_from("👩‍🚀🇰🇷👨‍👩‍👧‍👦 \n.?ㅋㅎa1景"),
    ),
    max_size=30,
)


def written(tokenizer: Any, ids: Sequence[int], stop: tuple[str, ...] = ()) -> list[str]:
    """The pieces handed out, the last one by ``flush``; ends at a stop string."""
    stream = TextStream(tokenizer.backend_tokenizer, stop)
    pieces = []
    for token in ids:
        pieces.append(stream.push(token))
        if stream.stopped:
            break
    pieces.append(stream.flush())
    assert stream.text == "".join(pieces)
    return pieces


@pytest.mark.parametrize("fixture", ["llama3_tokenizer", "demo_tokenizer"])
@given(text=korean)
@QUIET
def test_text_comes_whole_and_exact(
    request: pytest.FixtureRequest, fixture: str, text: str
) -> None:
    tokenizer = request.getfixturevalue(fixture)
    ids = tokenizer.encode(text, add_special_tokens=False)
    assert "".join(written(tokenizer, ids)) == text


@given(ids=st.lists(st.one_of(st.integers(0, 128_255), st.integers(0, 255)), max_size=40))
@QUIET
def test_noise_loses_nothing_but_bytes_that_are_no_character(
    llama3_tokenizer: Any, ids: list[int]
) -> None:
    written_own = [number for number in ids if llama3_tokenizer.decode([number]) == "\ufffd"]
    text = "".join(written(llama3_tokenizer, ids))
    whole = llama3_tokenizer.decode(ids, skip_special_tokens=True)
    assert text.replace("\ufffd", "") == whole.replace("\ufffd", "")
    assert "\ufffd" not in text or written_own


@pytest.mark.parametrize("fixture", ["llama3_tokenizer", "demo_tokenizer"])
@pytest.mark.parametrize(
    "text", ["\ufffd", "대체 문자는 \ufffd", "\ufffd\ufffd는", "`\ufffd` 끝\ufffd\ufffd"]
)
def test_an_answer_about_the_replacement_character_keeps_it(
    request: pytest.FixtureRequest, fixture: str, text: str
) -> None:
    tokenizer = request.getfixturevalue(fixture)
    ids = tokenizer.encode(text, add_special_tokens=False)
    assert "".join(written(tokenizer, ids)) == text


def test_a_half_character_at_the_end_is_left_out(llama3_tokenizer: Any) -> None:
    ids = llama3_tokenizer.encode("좋아요 뷁", add_special_tokens=False)
    assert "".join(written(llama3_tokenizer, ids[:-1])).rstrip() == "좋아요"


@given(text=korean, stop=st.lists(korean.filter(bool), min_size=1, max_size=3))
@QUIET
def test_text_ends_before_the_stop_string(
    llama3_tokenizer: Any, text: str, stop: list[str]
) -> None:
    ids = llama3_tokenizer.encode(text, add_special_tokens=False)
    found = [text.index(string) for string in stop if string in text]
    pieces = written(llama3_tokenizer, ids, tuple(stop))
    shown = "".join(pieces)
    assert text.startswith(shown)
    assert not any(string in shown for string in stop)
    if not found:
        assert shown == text


def test_the_beginning_of_a_stop_string_waits_for_the_next_tokens(llama3_tokenizer: Any) -> None:
    def pieces(text: str) -> list[str]:
        ids = llama3_tokenizer.encode(text, add_special_tokens=False)
        return written(llama3_tokenizer, ids, ("\nUser:",))

    assert "".join(pieces("네.\nUser: 다음")) == "네."
    undecided = pieces("네.\nUse")
    assert "".join(undecided) == "네.\nUse"
    assert undecided[-1] == "\nUse"
    assert "".join(pieces("네.\nUsed\n끝")) == "네.\nUsed\n끝"
