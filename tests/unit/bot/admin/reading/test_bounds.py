"""Texts of bounded size, and what a page has room for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.admin.reading.bounds import bounded, html_bytes
from bot.admin.reading.conversation_page import PAGE_BYTES, TURN_BYTES
from bot.admin.reading.spoken import MAX_TURN_BYTES
from bot.admin.turns.queries import before_for


@given(st.text(max_size=300), st.integers(min_value=0, max_value=200))
def test_a_bounded_text_is_a_beginning_that_fits(text: str, limit: int) -> None:
    shown = bounded(text.encode("utf-8", "replace").decode(), limit)
    assert text.encode("utf-8", "replace").decode().startswith(shown)
    assert html_bytes(shown) <= limit


def test_as_much_as_fits_is_shown() -> None:
    assert bounded("가" * 100, 300) == "가" * 100
    assert len(bounded("가" * 100, 299)) >= 95
    assert bounded("<" * 10, 8) == "<<"
    assert bounded("&" * 1_000_000, 5) == "&"
    assert bounded("글", 0) == ""


def test_a_page_holds_the_longest_turn_and_those_below_it() -> None:
    assert (before_for(10) - 10) * (MAX_TURN_BYTES + TURN_BYTES) < PAGE_BYTES
