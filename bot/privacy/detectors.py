"""The detectors of ko-pii (rule-based, without a model), behind rules of our own.

They know kinds that our rules do not: addresses, vehicle plates, birthdays, insurance numbers. Not
used: names, which no rule can tell from other words, and IP addresses, which are machines'.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Protocol

from bot.privacy.dates import are_dates
from bot.privacy.numbers import is_counting
from bot.privacy.personal_data import PersonalData

#: All that the detectors find has a digit or an @.
_SIGN = re.compile(r"[0-9@]+")
#: Code points that are read before and after one, at most: an address is as long. To read all of
#: an answer would take several times as long.
_AROUND = 60
#: Numbers of companies (1588-1234), which are nobody's.
_COMPANY_LINE = re.compile(r"1\d{3}\D?\d{4}")

#: Before the digits behind a decimal point, and after an amount.
_POINT, _CURRENCY = re.compile(r"\d\.$"), re.compile(r" ?(?:원|달러|엔|유로)")
#: Every address with a number has a road or a quarter just before it. The search for addresses
#: takes twice as long as all others together.
_HOUSE_NUMBER = re.compile(r"[로길동읍면리] *[0-9]")
#: After a number that counts.
_COUNTER = re.compile(
    r" ?(?:번(?!지)|분|개|월|년|일|시|명|그릇|인분|박|곳|가지|회|차|만|천|원|대|미터|킬로|"
    r"[A-Za-z%])"
)
#: Plates whose syllable counts as well, and the words that stand around a plate.
_COUNTING_PLATE = re.compile(r"\d+ ?[도호조주구부로대배국해오거] ?\d+")
_VEHICLE = re.compile(r"차[량는가를을번 ,.]|번호판|주차|택시|렌터카|렌트|자동차|트럭|버스")
_AROUND_A_PLATE = 15
#: Of an address with a number; a quarter alone tells nobody's home, and ko-pii is less sure of it.
_SURE = 0.75


class Found(Protocol):
    """What a detector of ko-pii has found."""

    label: str
    text: str
    start: int
    end: int
    confidence: float


#: Whether what was found in the text is personal data.
Check = Callable[[str, Found], bool]


@dataclass(frozen=True, slots=True)
class Detector:
    """One of ko-pii's modules, and what our checks say of what it finds."""

    module: str
    kind: PersonalData
    holds: Check = lambda _text, _found: True
    needs: re.Pattern[str] = _SIGN  #: where it finds nothing, nothing is to be detected


def _is_private_line(_text: str, found: Found) -> bool:
    return not _COMPANY_LINE.fullmatch(found.text)


def _has_domain(_text: str, found: Found) -> bool:
    return found.text[-1:].isalpha()


def _is_account(_text: str, found: Found) -> bool:
    groups = re.findall(r"\d+", found.text)
    return not (are_dates(groups) or is_counting(groups))


def _is_address(text: str, found: Found) -> bool:
    """Whether it is an address with a number, and no place before a count (강남대로 3번 출구)."""
    counts = found.text[-1:].isdecimal() and _COUNTER.match(text, found.end)
    return found.confidence >= _SURE and not counts


def _is_plate(text: str, found: Found) -> bool:
    """Whether it is a vehicle's number: some of its syllables also count (180도 1000W, 101호)."""
    if re.match(r"[A-Za-z%]", text[found.end : found.end + 1]):
        return False
    around = text[max(found.start - _AROUND_A_PLATE, 0) : found.end + _AROUND_A_PLATE]
    return _COUNTING_PLATE.fullmatch(found.text) is None or _VEHICLE.search(around) is not None


_DETECTORS = (
    Detector("rrn", PersonalData.RESIDENT),
    Detector("frn", PersonalData.RESIDENT),
    Detector("passport", PersonalData.PASSPORT),
    Detector("card", PersonalData.ACCOUNT),
    Detector("account", PersonalData.ACCOUNT, _is_account),
    Detector("phone", PersonalData.PHONE, _is_private_line),
    Detector("email", PersonalData.EMAIL, _has_domain),
    Detector("vehicle", PersonalData.VEHICLE, _is_plate),
    Detector("birth", PersonalData.BIRTH),
    Detector("address", PersonalData.ADDRESS, _is_address, _HOUSE_NUMBER),
)


@cache
def load_detectors() -> tuple[tuple[Detector, Callable[[str], Iterable[Found]]], ...]:
    """The detectors with their functions; the first call takes a fifth of a second."""
    return tuple(
        (detector, import_module(f"ko_pii.patterns.{detector.module}").detect)
        for detector in _DETECTORS
    )


def detected(spelled: str) -> Iterator[tuple[int, int, PersonalData]]:
    """Where the normalized text has personal data: begin, end, kind. No two overlap."""
    for start, end in _parts(spelled):
        taken = bytearray(end - start)
        for begin, stop, kind in _detected_in(spelled[start:end]):
            if not any(taken[begin:stop]):
                taken[begin:stop] = b"\1" * (stop - begin)
                yield start + begin, start + stop, kind


def _parts(spelled: str) -> Iterator[tuple[int, int]]:
    """The surroundings of digits; those that touch each other are one part."""
    start = end = 0
    for sign in _SIGN.finditer(spelled):
        if sign.start() - _AROUND > end:
            if end:
                yield start, end
            start = sign.start() - _AROUND
        end = min(sign.end() + _AROUND, len(spelled))
    if end:
        yield start, end


def _detected_in(part: str) -> Iterator[tuple[int, int, PersonalData]]:
    for detector, detect in load_detectors():
        if detector.needs.search(part):
            for found in detect(part):
                if detector.holds(part, found) and not _is_quantity(part, found):
                    yield found.start, found.end, detector.kind


def _is_quantity(part: str, found: Found) -> bool:
    """Whether it is an amount, or the digits behind a decimal point."""
    if not part[found.start : found.end].isdecimal():
        return False
    before = part[max(found.start - 2, 0) : found.start]
    return bool(_POINT.search(before) or _CURRENCY.match(part, found.end))
