r"""Masking of personal data in the texts that the dashboard shows.

The patterns never use ``\b``: a Korean particle follows a number without a space (010-1234-5678로)
and counts as a word character. In doubt they mask: an order number may look like an account number.
"""

from __future__ import annotations

import re
from hashlib import blake2s

_DASH = r"[-‐-―−－ㅡ]"
_GAP = rf"(?:{_DASH}|[\s.·()]){{0,3}}"

_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]++[@＠][A-Za-z0-9-]++(?:\.[A-Za-z0-9-]++)+"
)
#: Six digits of a birthday, then seven of which the first is 1-8 (residents and foreigners).
_RESIDENT_NUMBER = re.compile(
    rf"(?<!\d)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\s?{_DASH}?\s?[1-8]\d{{6}}(?!\d)"
)
_PHONE = re.compile(
    rf"(?<!\d)(?:\+?82{_GAP}0?{_GAP}|0)"  # home or from abroad
    r"(?:1[016-9]|2|[3-6]\d|70|50\d)"
    rf"{_GAP}\d{{3,4}}{_GAP}\d{{4}}(?!\d)"
)
_CARD = re.compile(r"(?<!\d)\d{4}[\s-]\d{4,6}[\s-]\d{4,5}(?:[\s-]\d{3,4})?(?!\d)")
_DIGIT_RUN = re.compile(rf"(?<!\d)\d(?:(?:{_DASH}|\.)?\d){{9,}}")

#: The order matters: a resident number is also a run of digits.
_MASKS = (
    (_EMAIL, "[이메일]"),
    (_RESIDENT_NUMBER, "[주민등록번호]"),
    (_PHONE, "[전화번호]"),
    (_CARD, "[카드·계좌번호]"),
    (_DIGIT_RUN, "[카드·계좌번호]"),
)

#: A message reference made of its time (seconds and microseconds); a token of its own in details.
_MESSAGE_TIMESTAMP = re.compile(r"(?<!\S)(\d{10}\.\d{6})(?!\S)")


def mask(text: str) -> str:
    """``text`` with e-mails, phone, resident, card and account numbers replaced by their kind.

    Runs of ten digits and more count as account numbers, also with hyphens or dots inside.
    """
    for pattern, kind in _MASKS:
        text = pattern.sub(kind, text)
    return text


def mask_detail(text: str) -> str:
    """A delivery's detail, masked except for message timestamps, which operators look up."""
    parts = _MESSAGE_TIMESTAMP.split(text)
    return "".join(part if number % 2 else mask(part) for number, part in enumerate(parts))


def pseudonym(messenger: str, tenant: str, person: str) -> str:
    """Eight hex digits, always the same for a person: a name for operators, not a secret."""
    identity = f"{messenger}\x1f{tenant}\x1f{person}".encode("utf-8", "replace")
    return blake2s(identity, digest_size=4, person=b"operator").hexdigest()
