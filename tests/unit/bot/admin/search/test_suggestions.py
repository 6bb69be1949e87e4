"""What the search box offers while one types."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.admin.search.fields import all_fields
from bot.admin.search.query import parse
from bot.admin.search.suggestions import MAX_SUGGESTIONS, suggest

FIELDS = all_fields({"kakao": "카카오톡", "slack": "Slack"})


async def occurring(field: str) -> Sequence[str]:
    return {"model": ["Bllossom 8B", "demo"], "preset": []}.get(field, [])


@pytest.mark.parametrize(
    ("token", "texts"),
    [
        ("상", ["상태:"]),
        ("ㅅㅌ", ["상태:"]),
        ("STA", ["status:"]),
        ("투", ["투표:"]),
        ("상태:실", ["상태:실패"]),
        ("상태:fai", ["상태:실패"]),
        ("status:답변", ["status:답변완료"]),
        ("메신저:", ["메신저:카카오톡", "메신저:Slack"]),
        ("model:b", ['model:"Bllossom 8B"']),
        ("프리셋:", ["프리셋:bllossom-8b"]),
        ("시간:", ["시간:>30s"]),
        ("환불", []),
        ("색:", []),
        ("상태:(?i)[", []),
        ("", []),
    ],
)
async def test_names_and_values_are_completed(token: str, texts: list[str]) -> None:
    assert [found.text for found in await suggest(token, FIELDS, occurring)] == texts


@given(st.text(max_size=80))
async def test_every_completed_value_can_be_read(token: str) -> None:
    found = await suggest(token, FIELDS, occurring)
    assert len(found) <= MAX_SUGGESTIONS
    for suggestion in found:
        if not suggestion.text.endswith(":"):
            assert parse(suggestion.text, FIELDS).problems == ()
