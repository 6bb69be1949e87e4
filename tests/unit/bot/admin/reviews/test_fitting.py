"""Texts beside each other in a room."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.admin.reviews.fitting import level

sizes = st.lists(st.integers(0, 100_000), max_size=40)


@given(sizes, st.integers(0, 200_000))
def test_all_together_have_their_room_and_only_the_longest_are_cut(
    texts: list[int], room: int
) -> None:
    most = level(texts, room)
    assert sum(min(size, most) for size in texts) <= room
    if sum(texts) > room:
        assert sum(min(size, most + 1) for size in texts) > room - len(texts)
    else:
        assert all(size <= most for size in texts)
