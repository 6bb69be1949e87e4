"""A search as conditions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import and_
from sqlalchemy.dialects import postgresql

from bot.admin.search.compile import compile_query
from bot.admin.search.fields import all_fields
from bot.admin.search.query import parse

FIELDS = all_fields({"kakao": "카카오톡"})


def conditions(box: str) -> str:
    criteria = compile_query(parse(box, FIELDS), datetime.now(UTC))
    compiled = and_(*criteria.conditions).compile(dialect=postgresql.dialect())  # type: ignore[no-untyped-call]
    return " ".join(str(compiled).split())


@pytest.mark.parametrize(
    ("term", "computed"), [("토큰:>1000", "prompt_tokens"), ("시간:>30s", "settled_at")]
)
def test_texts_are_read_only_of_turns_that_meet_what_is_computed(term: str, computed: str) -> None:
    before, behind = conditions(f"환불 {term} 메신저:kakao").split("CASE WHEN")
    assert "~*" not in before
    assert computed in behind.split("THEN")[0]
    assert behind.split("THEN")[1].count("~*") == 2


def test_words_alone_stand_behind_nothing() -> None:
    assert "CASE" not in conditions("환불 메신저:kakao")
