"""Whole numbers out of addresses and forms."""

from __future__ import annotations

#: Every number of so many digits is a BIGINT.
MAX_DIGITS = 18


def whole_number(raw: str, max_digits: int = MAX_DIGITS) -> int | None:
    """The number that the text is, or None. Only the digits 0 to 9 are any, and not too many."""
    if not raw.isascii() or not raw.isdecimal() or len(raw) > max_digits:
        return None
    return int(raw)
