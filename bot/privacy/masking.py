r"""Masking of personal data in the texts that the dashboard shows.

The text is read in one spelling (``normalized``), and masked as it was typed. The patterns never
use ``\b``: a Korean particle follows a number without a space (010-1234-5678로) and counts as a
word character. In doubt they mask: an order number may look like an account number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import blake2s

from bot.privacy.detectors import detected
from bot.privacy.normalization import normalized
from bot.privacy.personal_data import PersonalData
from bot.privacy.rules import RULES, Rule
from bot.privacy.spoken import spoken_numbers

#: Of what is masked already: no pattern bridges four of them, and no number has fewer digits.
_TAKEN = "\ue000"

#: A message reference made of its time (seconds and microseconds); a token of its own in details.
_MESSAGE_TIMESTAMP = re.compile(r"(?<!\S)(\d{10}\.\d{6})(?!\S)")


#: Whether texts stay as they are here.
_plain: ContextVar[bool] = ContextVar("plain", default=False)


@contextmanager
def masking(*, on: bool = True) -> Iterator[None]:
    """Let ``mask`` leave texts as they are in this context, for whom may read them so."""
    token = _plain.set(not on)
    try:
        yield
    finally:
        _plain.reset(token)


def mask(text: str) -> str:
    """``text`` with personal data replaced by its kind (``PersonalData``); names cannot be told.

    Our own rules come first, also those that say what is nobody's; ko-pii reads what they leave.
    Runs of ten digits and more count as account numbers, also with hyphens or dots inside, unless
    they are dates, addresses, versions, decimals or amounts.
    """
    if _plain.get():
        return text
    found: list[tuple[int, int, PersonalData]] = []
    spelled = normalized(text)
    for rule in RULES:
        spelled = _take(rule, spelled, found)
    for begin, end, _ in (spoken := list(spoken_numbers(spelled))):
        spelled = spelled[:begin] + _TAKEN * (end - begin) + spelled[end:]
    parts, place = [], 0
    for begin, end, kind in sorted([*found, *spoken, *detected(spelled)]):
        parts += [text[place:begin], kind]
        place = end
    return "".join([*parts, text[place:]])


def _take(rule: Rule, spelled: str, found: list[tuple[int, int, PersonalData]]) -> str:
    """Add what the rule finds; the text without it, each code point in its place."""

    def taken(match: re.Match[str]) -> str:
        if not rule.holds(match):
            return match[0]
        begin, end = match.span(rule.group)
        if rule.kind:
            found.append((begin, end, rule.kind))
        return spelled[match.start() : begin] + _TAKEN * (end - begin) + spelled[end : match.end()]

    return rule.pattern.sub(taken, spelled)


def mask_detail(text: str) -> str:
    """A delivery's detail, masked except for message timestamps, which operators look up."""
    parts = _MESSAGE_TIMESTAMP.split(text)
    return "".join(part if number % 2 else mask(part) for number, part in enumerate(parts))


def pseudonym(messenger: str, tenant: str, person: str) -> str:
    """Eight hex digits, always the same for a person: a name for operators, not a secret."""
    identity = f"{messenger}\x1f{tenant}\x1f{person}".encode("utf-8", "replace")
    return blake2s(identity, digest_size=4, person=b"operator").hexdigest()
