"""The text that is stored: its lines and words stay, whatever typed or copied them."""

from __future__ import annotations

import pytest

from bot.domain.turns import clean_text


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x85"])
def test_every_line_end_stays_one(end: str) -> None:
    assert clean_text(f"첫째 줄{end}둘째 줄{end}{end}셋째 줄") == "첫째 줄\n둘째 줄\n\n셋째 줄"


def test_control_codes_are_left_out() -> None:
    assert clean_text("\x00가\x1b[1m나\x7f\t다\x07") == "가[1m나\t다"
