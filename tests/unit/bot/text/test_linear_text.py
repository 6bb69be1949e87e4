"""Rendering and cutting an answer takes CPU time linear in it, and never holds up the loop."""

from __future__ import annotations

import unicodedata
from uuid import UUID

import pytest

from bot.domain.deliveries import Answer
from bot.messengers.kakao.answer_pages import MAX_MARKDOWN_CHARS
from bot.messengers.kakao.skill_response import answer_response
from bot.messengers.slack import rich_text
from bot.messengers.slack.blocks import answer_message
from bot.messengers.slack.platform_limits import MAX_MARKDOWN_CHARS as MAX_BLOCK_CHARS
from bot.text.catalog import TEXTS
from bot.text.fences import closed, shorten_markdown, split_markdown
from bot.text.markdown import plain_text
from tests.support.linear_time import TextFunction, assert_linear

#: The model's max_new_tokens of the presets is 2,048; few tokens have more than four characters.
MAX_ANSWER_CHARS = 8_192

TEXT = TEXTS["ko"]


def answer(text: str) -> Answer:
    # Without marks: their normalization is another test's.
    letters = "".join(char for char in text if not unicodedata.category(char).startswith("M"))
    return Answer(turn_id=UUID(int=1), text=letters, truncated=True)


FUNCTIONS = (
    TextFunction("plain_text", plain_text, MAX_MARKDOWN_CHARS),
    TextFunction("the simulator's Slack", rich_text.markdown, 6_000),  # a page for one person
    TextFunction("closed", closed, MAX_BLOCK_CHARS),
    TextFunction("shorten_markdown", lambda text: shorten_markdown(text, 2400), MAX_ANSWER_CHARS),
    TextFunction("split_markdown", lambda text: list(split_markdown(text, 900)), MAX_ANSWER_CHARS),
    TextFunction("Kakao", lambda text: answer_response(answer(text), TEXT), MAX_ANSWER_CHARS),
    TextFunction(
        "Slack", lambda text: answer_message(answer(text), {}, TEXT, "ephemeral"), MAX_ANSWER_CHARS
    ),
)


@pytest.mark.parametrize("function", FUNCTIONS, ids=str)
def test_an_answer_is_rendered_in_linear_time(function: TextFunction) -> None:
    assert_linear(function)


def wide_table(columns: int, rows: int) -> str:
    return f"|{'a|' * columns}\n|{'-|' * columns}\n" + "|\n" * rows


@pytest.mark.parametrize(("columns", "rows"), [(600, 50), (20, 400), (1_300, 1_300), (1, 2_000)])
def test_a_table_has_no_more_cells_than_its_text(columns: int, rows: int) -> None:
    table = wide_table(columns, rows)
    assert len(plain_text(table)) <= 2 * len(table)


@pytest.mark.parametrize(("columns", "rows"), [(600, 50), (100, 3_000), (1_300, 1_300), (20, 60)])
def test_a_costly_table_is_shown_as_typed_by_the_simulator(columns: int, rows: int) -> None:
    table = wide_table(columns, rows)
    assert rich_text.markdown(table) == [{"tag": "pre", "children": [table]}]


@pytest.mark.parametrize(
    "text",
    [
        f"|{'a|' * 19}\n|{'-|' * 19}\n" + "a\n" * 990,  # rows without a pipe are filled up
        "> " + "- - - a\n> " * 300,
        "1. 1. 1. a\n" * 300,
    ],
)
def test_a_costly_text_is_shown_as_typed_by_the_simulator(text: str) -> None:
    assert rich_text.markdown(text) == [{"tag": "pre", "children": [text]}]


def test_the_lists_of_answers_are_lists_in_the_simulator() -> None:
    tree = rich_text.markdown("1. 하나 - 둘\n" + "   - 셋\n" * 200)
    assert [node["tag"] for node in tree if isinstance(node, dict)] == ["ol"]


def test_the_tables_of_answers_are_tables_in_the_simulator() -> None:
    tree = rich_text.markdown(
        "글\n\n" + "| 이름 | 값 | 비고 |\n|-|-|-|\n" + "| 가 | 1 | - |\n" * 40
    )
    assert [node["tag"] for node in tree if isinstance(node, dict)] == ["p", "table"]
