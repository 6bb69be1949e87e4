"""Numbers written as they are spoken: 공일공 일이삼사 오육칠팔, also mixed with digits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bot.privacy.numbers import has_luhn_digit, is_resident_number
from bot.privacy.personal_data import BANK_WORDS, PersonalData

_DIGITS = {name: str(value) for value, name in enumerate("공일이삼사오육칠팔구")}
_DIGITS |= {"영": "0", "륙": "6"} | {digit: digit for digit in "0123456789"}
_DIGIT = f"[{''.join(_DIGITS)}]"
#: Between two digits: up to two signs, the spoken dash, or a particle.
_GAP = r"(?:(?:[^\w\n]|_){0,2}| ?다시 ?|에 ?)"
_RUN = re.compile(rf"{_DIGIT}(?:{_GAP}{_DIGIT}){{8,}}")
_FOURS = re.compile(rf"(?:{_DIGIT}{{4}}(?:[^\w\n]|_){{1,2}}){{3}}{_DIGIT}{{4}}")
_PHONE = re.compile(r"010\d{7,8}|01[16-9]\d{7,8}|0(?:2|[3-6][1-5]|70|50\d)\d{7,8}")
_BANK = re.compile(rf"(?:{BANK_WORDS})[^\d\n]{{0,12}}$")

#: Fewer names of digits in a run are a particle after a number, as in 010-1234-5678이.
_MIN_NAMES = 3


def spoken_numbers(spelled: str) -> Iterator[tuple[int, int, PersonalData]]:
    """Where the normalized text has personal numbers with digits as words: begin, end, kind."""
    for run in _RUN.finditer(spelled):
        places = [at for at in range(run.start(), run.end()) if spelled[at] in _DIGITS]
        if sum(not spelled[at].isdecimal() for at in places) < _MIN_NAMES:
            continue
        digits = "".join(_DIGITS[spelled[at]] for at in places)
        found = _number(digits, places, run, spelled[max(run.start() - 20, 0) : run.start()])
        if found:
            first, last, kind = found
            yield places[first], places[last - 1] + 1, kind


def _number(
    digits: str, places: Sequence[int], run: re.Match[str], before: str
) -> tuple[int, int, PersonalData] | None:
    """The first personal number in the run's digits; after it may come a particle: 팔이에요."""
    if len(digits) >= 16 and (_FOURS.match(run[0]) or has_luhn_digit(digits[:16])):
        return 0, 16, PersonalData.ACCOUNT
    if is_resident_number(digits[:13]):
        return 0, 13, PersonalData.RESIDENT
    for phone in _PHONE.finditer(digits):
        if not phone.start() or places[phone.start()] - places[phone.start() - 1] > 1:
            return *phone.span(), PersonalData.PHONE
    if len(digits) >= 10 and _BANK.search(before):
        return 0, len(digits), PersonalData.ACCOUNT
    return None
