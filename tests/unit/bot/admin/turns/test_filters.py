import base64
from datetime import timedelta
from uuid import UUID

import pytest

from bot.admin.turns.filters import BadCursor, Cursor
from tests.support.sample_turns import NOON


def test_a_cursor_comes_back_as_it_was() -> None:
    cursor = Cursor(NOON + timedelta(microseconds=123_457), UUID(int=5))
    assert Cursor.parse(str(cursor)) == cursor


@pytest.mark.parametrize("extreme", [b"\x7f" + b"\xff" * 23, b"\x80" + b"\0" * 23])
def test_a_cursor_beyond_all_times_is_refused(extreme: bytes) -> None:
    with pytest.raises(BadCursor):
        Cursor.parse(base64.urlsafe_b64encode(extreme).decode())
