"""Cuts through code: the open fence is closed with its own marker and opened again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.text.fences import closed, open_fence, shorten_markdown, split_markdown, with_ellipsis
from bot.text.splitting import utf16_units

LIMIT = 400
_COMMONMARK = MarkdownIt("commonmark")

FENCES = [
    ("```py\nx = 1", "```"),
    ("~~~\nx = 1", "~~~"),
    ("`````md\n```py\nx\n```", "`````"),
    ("~~~~ py title=x\n~~~", "~~~~"),
    ("- 보기\n  ```py\n  x = 1", "  ```"),
    ("1. 보기\n\n   ~~~sh\n   ls", "   ~~~"),
    ("- ```py\n  x = 1", "  ```"),
    ("> ```\n> x = 1", "> ```"),
    ("> - ~~~~\n>   x", ">   ~~~~"),
]


def shows_code_after(markdown: str, prefix: str = "") -> bool:
    """Whether CommonMark takes what follows ``markdown`` in the same container for code."""
    tokens = _COMMONMARK.parse(f"{markdown}\n{prefix}\n{prefix}그 다음")
    return any("그 다음" in token.content for token in tokens if token.type == "fence")


@pytest.mark.parametrize(("text", "closing"), FENCES)
def test_an_open_fence_is_closed_with_its_own_marker(text: str, closing: str) -> None:
    assert closed(text) == f"{text}\n{closing}"
    prefix = closing.rstrip("`~")
    assert shows_code_after(text, prefix)
    assert not shows_code_after(closed(text), prefix)


@pytest.mark.parametrize(
    "text",
    [
        "```py\nx\n```",
        "~~~\n```\n~~~",
        "````\n```\n`````",
        "```한 줄```",
        "글 ``` 글",
        "~~지움~~",
        "    ```\n    들여 쓴 글",
        "> ```\n인용이 끝난 뒤",
        "- ```\n  x\n목록이 끝난 뒤",
        "- ```\n  x\n  ```\n- 둘",
    ],
)
def test_where_no_fence_is_open_nothing_is_added(text: str) -> None:
    assert closed(text) == text
    assert not shows_code_after(text)


_MARKERS = st.sampled_from(["```", "````", "~~~", "~~~~~"])
_CONTAINERS = st.sampled_from(["", "", "- ", "1. ", "  - ", "> ", "> - ", "10. "])
_CODE = st.sampled_from(
    ["x = 1", "    y = 2", "", "``", "~~", "# 주석", "- a", "가나다라 마바사 " * 6, "```", "~~~"]
)


@st.composite
def _answers(draw: st.DrawFn) -> str:
    """Prose, and code in the fences that models write."""
    lines = []
    for _ in range(draw(st.integers(1, 6))):
        container, marker = draw(_CONTAINERS), draw(_MARKERS)
        inner = "".join(char if char == ">" else " " for char in container)
        if draw(st.booleans()):
            lines += [container + "문장이에요. " * draw(st.integers(1, 20)), ""]
            continue
        lines.append(container + marker + draw(st.sampled_from(["", "py", "typescript"])))
        lines += [inner + line for line in draw(st.lists(_CODE, max_size=12))]
        if draw(st.integers(0, 9)):  # one in ten is cut off
            lines.append(inner + marker + draw(st.sampled_from(["", marker[0]])))
        lines.append("")
    return "\n".join(lines)


@given(_answers())
def test_no_piece_leaves_code_open(answer: str) -> None:
    pieces = list(split_markdown(answer, LIMIT, utf16_units))
    assert all(utf16_units(piece) <= LIMIT for piece in pieces)
    assert not any(map(shows_code_after, pieces))
    assert not shows_code_after(closed(answer))
    assert not shows_code_after(shorten_markdown(answer, LIMIT, utf16_units))


def test_a_marker_that_was_code_does_not_close_the_next_piece() -> None:
    head = "- " + "가나다라 " * 60 + "\n  ```\n" + "    x = 1\n" * 8
    answer = f"{head}      ```\n      y = 2\n  ```\n"
    for limit in range(LIMIT, LIMIT + 120):
        pieces = list(split_markdown(answer, limit, utf16_units))
        assert not any(map(shows_code_after, pieces))


@given(_answers())
def test_pieces_hold_the_whole_text(answer: str) -> None:
    pieces = "".join(split_markdown(answer, LIMIT))
    for char in "가요1x주":
        assert pieces.count(char) == answer.count(char)


@pytest.mark.parametrize(
    ("head", "line", "opening", "closing"),
    [
        ("```py", "x = 1", "```py", "```"),
        ("~~~sh", "ls", "~~~sh", "~~~"),
        ("- 보기\n  ````md", "  ```", "````md", "````"),
        ("> ```js", "> x()", "> ```js", "> ```"),
    ],
)
def test_the_next_piece_begins_with_the_fence(
    head: str, line: str, opening: str, closing: str
) -> None:
    answer = head + f"\n{line}" * 300 + "\n" + head[head.rfind("\n") + 1 :].rstrip("pyshmdj")
    first, second, *_ = split_markdown(answer, LIMIT)
    assert first.startswith(head)
    assert first.endswith(closing)
    assert second.split("\n")[0] == opening
    assert second.split("\n")[1] == line.removeprefix("  ")  # outside of the list


@given(st.text(alphabet="`~>- \n1.가\t", max_size=2000))
def test_any_text_is_split_within_the_limit(text: str) -> None:
    assert all(0 < len(piece) <= LIMIT for piece in split_markdown(text, LIMIT))
    assert len(shorten_markdown(text, LIMIT)) <= LIMIT


def test_an_ellipsis_does_not_open_a_closed_fence() -> None:
    assert with_ellipsis("```\nx\n```") == "```\nx\n```\n…"
    assert with_ellipsis("```\nx") == "```\nx…\n```"
    assert open_fence(with_ellipsis("> ~~~\n> x\n> ~~~")) is None
