"""The card of a data set, which leaves the house with it."""

from __future__ import annotations

from uuid import UUID

from bot.admin.datasets.card import card
from bot.store.datasets.items import Counts
from bot.store.datasets.sets import Dataset
from tests.support.sample_turns import NOON


def test_the_card_tells_the_search_without_personal_data() -> None:
    dataset = Dataset(
        id=1,
        name="환불",
        version=1,
        kind="sft",
        query='"010-1234-5678" 환불 | <b>',
        loose=False,
        preset="",
        max_tokens=2048,
        batch_id=UUID(int=1),
        author="admin",
        state="ready",
        cursor="",
        looked_at=1,
        made=0,
        left_out={},
        claim=1,
        created_at=NOON,
        ended_at=NOON,
        frozen_at=None,
    )
    names = ("split", "source", "model", "preset", "config_version")
    counts = Counts(all=0, unchecked=0, max_tokens=None, by={name: {} for name in names})
    told = card(dataset, counts)
    assert '| "[전화번호]" 환불 \\| <b> |' in told
