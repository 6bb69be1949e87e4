"""Tokens of forms: whose they are, also after their session."""

from __future__ import annotations

import pytest

from bot.admin.login.form_tokens import FormTokens

TOKENS = FormTokens(b"k" * 32)


def test_a_token_is_known_to_be_of_its_user_and_of_nobody_else() -> None:
    token = TOKENS.new("김하나")
    assert TOKENS.is_ours(token)
    assert TOKENS.is_for(token, "김하나")
    assert not TOKENS.is_for(token, "이둘")
    assert token != TOKENS.new("김하나")


def test_another_key_knows_no_token() -> None:
    token = TOKENS.new("김하나")
    assert not FormTokens(b"x" * 32).is_ours(token)
    assert not FormTokens(b"x" * 32).is_for(token, "김하나")


@pytest.mark.parametrize("change", ["", "old", "a" * 43, "가" * 88])
def test_what_is_no_token_is_nobody_s(change: str) -> None:
    assert not TOKENS.is_ours(change)
    assert not TOKENS.is_for(change, "김하나")


def test_the_mark_of_one_token_is_no_good_for_another_secret() -> None:
    one, other = TOKENS.new("김하나"), TOKENS.new("김하나")
    mixed = f"{one.split('.')[0]}.{other.split('.')[1]}"
    assert not TOKENS.is_ours(mixed)
