"""Groups of digits that are dates, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_CENTURIES = frozenset({"18", "19", "20", "21"})


def is_day(month: str, day: str) -> bool:
    """Whether these digits are a day of the calendar."""
    return _is_between(month, 1, 12) and _is_between(day, 1, _DAYS[int(month) - 1])


def are_years(groups: Sequence[str]) -> bool:
    """Whether every group is a year of our time."""
    return all(len(group) == 4 and group[:2] in _CENTURIES for group in groups)


def are_dates(groups: Sequence[str]) -> bool:
    """Whether the groups of digits are dates one after the other, perhaps with their times."""
    if are_years(groups):
        return True
    place = 0
    while place < len(groups):
        shape = next((s for s in _SHAPES if _has_shape(groups, place, s)), None)
        if shape is None or (place == 0 and shape in _ONLY_AFTER_A_DATE):
            return False
        place += len(shape)
    return True


def _has_shape(groups: Sequence[str], place: int, shape: str) -> bool:
    parts = groups[place : place + len(shape)]
    if len(parts) < len(shape):
        return False
    return all(_PARTS[part](group) for group, part in zip(parts, shape, strict=True))


def _is_full_date(group: str) -> bool:
    """YYYYMMDD, perhaps with hhmm or hhmmss after it."""
    if len(group) not in (8, 12, 14) or not are_years([group[:4]]):
        return False
    clock = group[8:]
    times = all(int(clock[at : at + 2]) < 60 for at in range(0, len(clock), 2))
    return is_day(group[4:6], group[6:8]) and times and clock[:2] < "24"


def _is_between(digits: str, low: int, high: int) -> bool:
    return low <= int(digits) <= high


#: The parts of a date by a letter each.
_PARTS: dict[str, Callable[[str], bool]] = {
    "Y": lambda group: are_years([group]),
    "y": lambda group: len(group) == 2,
    "M": lambda group: len(group) <= 2 and _is_between(group, 1, 12),
    "D": lambda group: len(group) <= 2 and _is_between(group, 1, 31),
    "h": lambda group: len(group) == 2 and int(group) < 24,
    "m": lambda group: len(group) == 2 and int(group) < 60,
    "s": lambda group: len(group) == 2 and int(group) < 60,
    "F": _is_full_date,
    "X": lambda group: len(group) == 4 and is_day(group[:2], group[2:]),
}
#: Each shape of a date, a letter for a group; the longest first.
_SHAPES = ("YMDhms", "YMDhm", "YMD", "yMD", "MDY", "DMY", "F", "YM", "X", "MD", "M", "D")
_ONLY_AFTER_A_DATE = frozenset({"X", "MD", "M", "D"})
