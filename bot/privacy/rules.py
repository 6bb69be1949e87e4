"""What personal data looks like in the normalized text, and what its digits must fulfil."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.privacy.dates import are_dates, are_years
from bot.privacy.numbers import (
    has_luhn_digit,
    is_amount,
    is_counting,
    is_decimal,
    is_ip_address,
    is_isbn,
    is_range,
    is_resident_number,
    is_round,
    is_version,
)
from bot.privacy.personal_data import BANK_WORDS, PersonalData

#: What may stand between the parts of a number: up to three signs or blanks, or the spoken dash.
_GAP = r"(?:(?:[^\w\n]|_){0,3}| ?다시 ?)"
_NARROW_GAP = r"(?:[^\w\n,:|]|_){0,3}"
_HOME = rf"(?:(?:\+|00)?82{_GAP}0?{_GAP}|0)"

_LOCAL = r"(?:(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]++|(?<![가-힣])[가-힣]{1,20}+)"
_TOP_LEVEL = r"(?:한국|닷컴|닷넷|삼성|xn--[a-z0-9-]{1,59}|[A-Za-z]{2,24})"
_DOMAIN = rf"(?:[A-Za-z0-9가-힣-]{{1,63}}+\.){{1,8}}{_TOP_LEVEL}"
_SPOKEN_AT = r" ?(?:\((?:at|AT)\)|\[(?:at|AT)\]|골뱅이) ?"
_SPOKEN_DOT = r"(?:\.| ?[(\[](?:dot|DOT)[)\]] ?| ?점 ?)"
_SPOKEN_DOMAIN = rf"(?:[A-Za-z0-9-]{{1,63}}+{_SPOKEN_DOT}){{1,8}}{_TOP_LEVEL}"
_SPOKEN_SITE = (
    r"(?:[A-Za-z0-9-]{1,63}|[가-힣]{1,10}) ?(?:\.|닷|점|쩜) ?"
    r"(?:컴|넷|케이알|com|net|kr)(?![A-Za-z])"
)

#: The words before the number of an order, a parcel or a booking.
_ORDER_WORDS = re.compile(
    r"(?:주문|송장|운송장|배송|예약|접수|결제|승인|거래|상품|제품|모델) ?(?:번호|코드)"
    r"(?:은|는|이|가)? ?[:#]? ?$"
)

_NUMBER = r"\d++(?:[-._/·~]\d++)*+"

Check = Callable[[re.Match[str]], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of personal data: what it looks like, and what its digits must fulfil."""

    kind: PersonalData | None  #: None: it is nobody's, and no later rule sees it
    pattern: re.Pattern[str]
    holds: Check = lambda _: True
    group: int = 0  #: the part of the match that is masked


def _digits(number: str) -> str:
    return "".join(re.findall(r"\d", number))


def _is_resident(found: re.Match[str]) -> bool:
    if found[0].isdecimal() and (_is_money(found) or _is_fraction(found)):
        return False
    gap, dot = str(found["gap"]), str(found["dot"])
    is_loose = gap in {".", ", ", ". "} or (dot != "" and gap == dot)
    return is_resident_number(_digits(found[0]), checked=is_loose)


def _is_phone(found: re.Match[str]) -> bool:
    """Whether the digits are neither a range of dates (82.10.01-12.31) nor those of a decimal."""
    if found[0].startswith("8") and are_dates(re.findall(r"\d+", found[0])):
        return False
    return not _is_fraction(found)


def _is_fraction(found: re.Match[str]) -> bool:
    """Whether the digits are those behind a decimal point.

    At the beginning of a line, 1.01012345678 is an item of a list.
    """
    before = found.string[max(found.start() - 12, 0) : found.start()]
    if not found[0].isdecimal() or re.search(r"\d\.$", before) is None:
        return False
    return re.search(r"(?:^|\n) *[1-9]\d?\.$", before) is None


def _is_card(found: re.Match[str]) -> bool:
    groups = re.findall(r"\d+", found[0])
    if are_years(groups) or is_counting(groups):
        return False
    digits = "".join(groups)
    if len(digits) > 12 and has_luhn_digit(digits):
        return True
    is_even = set(re.findall(r"\D+", found[0])) in ({" "}, {"-"})
    return is_even and not _goes_on(found)


def _goes_on(found: re.Match[str]) -> bool:
    """Whether the groups are part of a longer row of numbers."""
    text, begin, end = found.string, found.start(), found.end()
    after, before = text[end : end + 2], text[max(begin - 2, 0) : begin]
    return re.match(r"[ -]\d", after) is not None or re.match(r"\d[ -]", before) is not None


def _is_checked_card(found: re.Match[str]) -> bool:
    digits = _digits(found[0])
    return 14 <= len(digits) <= 16 and has_luhn_digit(digits)


def _is_account(found: re.Match[str]) -> bool:
    """Ten digits and more that are no date, address, version, decimal, range, book or amount."""
    number = found[0]
    groups = re.findall(r"\d+", number)
    digits = "".join(groups)
    if len(digits) < 10 or is_ip_address(number) or are_dates(groups) or is_counting(groups):
        return False
    if _is_order(found, groups):
        return False
    parts = re.split(r"[/~]", number)
    if len(parts) > 1 and any(not part.isdecimal() for part in parts):
        return any(len(_digits(part)) >= 10 and not is_ip_address(part) for part in parts)
    is_plain = is_version(number, groups) or is_decimal(number) or is_range(number, groups)
    if is_plain or is_isbn(digits):
        return False
    is_plain = is_round(digits) or set(digits) <= {"0", "1"} or _is_money(found)
    return not (number.isdecimal() and is_plain)


def _is_order(found: re.Match[str], groups: Sequence[str]) -> bool:
    """Whether it is the number of an order: named so, or a day and a count (20241122-0001234)."""
    if _ORDER_WORDS.search(found.string, max(found.start() - 12, 0), found.start()):
        return True
    return len(groups) == 2 and len(groups[0]) == 8 and "-" in found[0] and are_dates(groups[:1])


def _is_money(found: re.Match[str]) -> bool:
    after = found.string[found.end() : found.end() + 4]
    return re.match(r" ?(?:원(?![장래칙격본])|달러|엔(?![가-힣])|유로)", after) is not None


def _is_account_of_a_bank(found: re.Match[str]) -> bool:
    number = found["number"]
    groups = re.findall(r"\d+", number)
    count = sum(map(len, groups))
    if not 10 <= count <= 16 or max(map(len, groups)) < 4 or len(groups) > 5:
        return False
    harmless = are_dates(groups) or is_amount(number) or is_ip_address(number)
    return not (harmless or is_counting(groups) or (len(groups) == 1 and _is_money(found)))


#: The order matters: a resident number is also a run of digits.
RULES = (
    Rule(
        None,
        re.compile(r"(?<![\d.-])(?:\d{1,3}\.){3}\d{1,3}(?![.-]?\d)"),
        lambda found: is_ip_address(found[0]),
    ),
    Rule(None, re.compile(r"(?<![\w-])[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?!\w)")),
    Rule(None, re.compile(r"(?<!\w)0(?:[xX][0-9A-Fa-f]{4,}|[bB][01]{4,})(?!\w)")),
    Rule(None, re.compile(rf"(?<!\d)080{_NARROW_GAP}\d{{3,4}}{_NARROW_GAP}\d{{4}}(?!\d)")),
    Rule(PersonalData.EMAIL, re.compile(rf"{_LOCAL}(?:@| @ ){_DOMAIN}")),
    Rule(PersonalData.EMAIL, re.compile(rf"{_LOCAL}{_SPOKEN_AT}{_SPOKEN_DOMAIN}")),
    Rule(
        PersonalData.EMAIL,
        re.compile(rf"{_LOCAL} at (?:[a-z0-9-]{{1,63}}+ dot ){{1,8}}[a-z]{{2,24}}"),
    ),
    Rule(PersonalData.EMAIL, re.compile(rf"{_LOCAL} ?(?:@|골뱅이) ?{_SPOKEN_SITE}")),
    Rule(
        PersonalData.RESIDENT,
        re.compile(
            rf"(?<!\d)\d\d(?P<dot>[-./ ]?)\d\d(?P=dot)\d\d(?P<gap>{_GAP})[1-8] ?\d{{6}}(?!\d)"
        ),
        _is_resident,
    ),
    Rule(
        PersonalData.PHONE,
        re.compile(
            rf"(?:(?<!\d){_HOME}10|(?<![A-Za-z0-9])[0Ooㅇ○공영][1lI일][0Ooㅇ○공영])(?:{_GAP}\d){{8}}(?!\d)"
        ),
        _is_phone,
    ),
    Rule(
        PersonalData.PHONE,
        re.compile(
            rf"(?<!\d){_HOME}1[016-9]{_GAP}\d{{3,4}}{_GAP}\d{{4}}(?!\d)"
            rf"|(?<!\d){_HOME}(?:2|[3-6][1-5]|70|50\d){_NARROW_GAP}\d{{3,4}}{_NARROW_GAP}\d{{4}}(?!\d)"
        ),
        _is_phone,
    ),
    Rule(
        PersonalData.PHONE,
        re.compile(r"(?<![\w+])\+(?!82)[1-9]\d{0,2}(?:[ \-()]{0,2}\d){7,12}(?!\d)"),
    ),
    Rule(
        PersonalData.RESIDENT,
        re.compile(r"(?<!\d)\d([ .\-/_·]{1,3})(?:\d\1){11}\d(?!\1?\d)"),
        lambda found: is_resident_number(_digits(found[0])),
    ),
    Rule(
        PersonalData.PHONE, re.compile(r"(?<!\d)0([ .\-/_·]{1,3})1\1[016-9](?:\1\d){7,8}(?!\1?\d)")
    ),
    Rule(
        PersonalData.ACCOUNT,
        re.compile(
            r"(?<!\d)\d{4}(?:[^\w\n]|_){1,3}"
            r"(?:\d{4}(?:[^\w\n]|_){1,3}\d{4}(?:(?:[^\w\n]|_){1,3}\d{3,4})?"
            r"|\d{6}(?:[^\w\n]|_){1,3}\d{4,5})(?!\d)"
        ),
        _is_card,
    ),
    Rule(
        PersonalData.ACCOUNT,
        re.compile(r"(?<!\d)[3-69]\d{3,11}(?:[ -]\d{4,12}){1,3}(?!\d)"),
        _is_checked_card,
    ),
    Rule(
        PersonalData.ACCOUNT,
        re.compile(
            rf"(?:{BANK_WORDS})[^\d\n]{{0,12}}(?P<number>\d(?:(?:[^\w\n]|_){{0,3}}\d){{9,15}})(?![-._/·~]?\d)"
        ),
        _is_account_of_a_bank,
        group=1,
    ),
    Rule(
        PersonalData.ACCOUNT,
        re.compile(r"(?<!\d)\d{3,6}( |  ?- ?)\d{2,3}\1\d{6,7}(?!\d)"),
    ),
    Rule(PersonalData.ACCOUNT, re.compile(rf"(?<![\d]){_NUMBER}"), _is_account),
    Rule(
        PersonalData.PASSPORT,
        re.compile(
            r"여권[^\d\n]{0,12}?(?<![A-Za-z0-9])([a-zA-Z]\d{3}[a-zA-Z0-9]\d{4})(?![A-Za-z0-9])"
        ),
        group=1,
    ),
    Rule(
        PersonalData.PASSPORT,
        re.compile(r"(?<![A-Za-z0-9])[MSROGD]\d{3}[A-Z0-9]\d{4}(?![A-Za-z0-9])"),
    ),
)
