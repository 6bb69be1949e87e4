"""Numbers in addresses: plain digits, and no more than a BIGINT takes."""

from __future__ import annotations

import pytest

from bot.admin.web.numbers import MAX_DIGITS, whole_number


@pytest.mark.parametrize(
    ("raw", "number"),
    [("0", 0), ("007", 7), ("9" * MAX_DIGITS, 10**MAX_DIGITS - 1)]
    + [(odd, None) for odd in ("", " 1", "-1", "+1", "1.0", "1_0", "१", "１", "²", "\x00", "x")]
    + [("1" * (MAX_DIGITS + 1), None)],
)
def test_only_few_plain_digits_are_a_number(raw: str, number: int | None) -> None:
    assert whole_number(raw) == number


def test_a_field_may_allow_fewer_digits() -> None:
    assert (whole_number("123", 3), whole_number("1234", 3)) == (123, None)
