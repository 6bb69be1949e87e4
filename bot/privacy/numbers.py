"""Numbers with check digits, and numbers that are nobody's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from bot.privacy.dates import is_day

_RESIDENT_WEIGHTS = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)

_IPV4_RANGE = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}(?:[-~/](?:(?:\d{1,3}\.){3}\d{1,3}|\d{1,3}))?")
_DECIMALS = re.compile(r"\d{1,9}\.\d+(?:[-~/]\d{1,9}\.\d+)*")
_AMOUNT = re.compile(r"\d{1,3}(?:,\d{3}){2,}(?:\.\d+)?")


def is_resident_number(digits: str, *, checked: bool = False) -> bool:
    """Whether 13 digits can be a resident number.

    ``checked``: only with a valid check digit, which those issued since October 2020 lack.
    """
    if len(digits) != 13 or digits[6] not in "12345678" or not is_day(digits[2:4], digits[4:6]):
        return False
    return not checked or _has_resident_check_digit(digits)


def _has_resident_check_digit(digits: str) -> bool:
    total = sum(int(d) * w for d, w in zip(digits[:12], _RESIDENT_WEIGHTS, strict=True))
    base = 11 if digits[6] in "1234" else 13  # foreigners' numbers
    return int(digits[12]) == (base - total % 11) % 10


def has_luhn_digit(digits: str) -> bool:
    """Whether the last digit is the check digit of a card number (ISO/IEC 7812)."""
    doubled = (int(d) * (1 + place % 2) for place, d in enumerate(reversed(digits)))
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def is_isbn(digits: str) -> bool:
    """Whether 13 digits are the number of a book, with its check digit."""
    if len(digits) != 13 or not digits.startswith(("978", "979")):
        return False
    return sum(int(d) * (1, 3)[place % 2] for place, d in enumerate(digits)) % 10 == 0


def is_ip_address(number: str) -> bool:
    """Whether it is an IPv4 address, a range of them, or a network such as 10.0.0.0/8."""
    if not _IPV4_RANGE.fullmatch(number):
        return False
    return all(int(part) <= 255 for part in re.findall(r"\d+", number))


def is_version(number: str, groups: Sequence[str]) -> bool:
    """Whether it is a version such as 10.0.19045.3693."""
    return len(groups) > 3 and len(groups[0]) <= 2 and number == ".".join(groups)


def is_range(number: str, groups: Sequence[str]) -> bool:
    """Whether it is a range of plain numbers such as 100000-200000."""
    if len(groups) != 2 or not re.search(r"[-~]", number):
        return False
    first, last = groups
    return len(last) < 10 and 0 <= len(last) - len(first) <= 1 and int(first) < int(last)


def is_decimal(number: str) -> bool:
    """Whether it is a decimal fraction such as 3.14159265358979, or a range of them."""
    return _DECIMALS.fullmatch(number) is not None


def is_round(digits: str) -> bool:
    """Whether it is a round number such as 10000000000."""
    return not digits.startswith("0") and len(digits.rstrip("0")) <= 3


def is_amount(number: str) -> bool:
    """Whether it is written in thousands, as in 1,234,567,890."""
    return _AMOUNT.fullmatch(number) is not None


def is_counting(groups: Sequence[str]) -> bool:
    """Whether the groups are small numbers, or count in steps or doubles, as in 100 200 300 400."""
    longest = max(map(len, groups))
    if longest <= 2 or longest > 9:
        return longest <= 2
    pairs = list(pairwise(map(int, groups)))
    steps = {later - former for former, later in pairs}
    doubles = all(later == 2 * former for former, later in pairs)
    return len(groups) > 3 and (doubles or len(steps) == 1) and steps != {0}
