"""The filters of the audit log, as the URL carries them. Days and months are Korean ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Self

from bot.admin.audit.labels import ACTIONS
from bot.admin.web.labels import KST
from bot.admin.web.numbers import whole_number
from bot.domain.turns import clean_text
from bot.store.audit_log import Selection

#: Longer than any user's name.
_MAX_NAME_CHARS = 200
_MAX_SEQ_DIGITS = 18
_YEARS = range(2000, 2100)

FIELDS = ("user", "action", "from", "to")


class BadFilter(ValueError):
    """An invalid filter; the text is a Korean sentence, a key of the catalog."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What is asked of the log; ``before``: the number of the row above the page."""

    selection: Selection
    before: int | None

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> Self:
        """Read the form's fields. Raises BadFilter."""
        action, user = query.get("action", ""), clean_text(query.get("user", ""))
        if action and action not in ACTIONS:
            raise BadFilter("작업에 알 수 없는 값이 있습니다. 목록에서 골라 주세요.")
        if len(user) > _MAX_NAME_CHARS:
            raise BadFilter("사용자 아이디가 너무 깁니다.")
        since, last = _day(query.get("from", "")), _day(query.get("to", ""))
        until = last + timedelta(days=1) if last else None
        if since and until and since >= until:
            raise BadFilter("시작 날짜가 끝 날짜보다 늦습니다. 기간을 다시 정해 주세요.")
        asked = Selection(actor=user, action=action, since=since, until=until)
        return cls(selection=asked, before=_seq(query.get("before", "")))


@dataclass(frozen=True, slots=True)
class Month:
    """A month of Korean time."""

    first: date

    @classmethod
    def parse(cls, raw: str, today: date) -> Self:
        """Read ``2026-11``; empty: today's month. Raises BadFilter."""
        if not raw:
            return cls(today.replace(day=1))
        try:
            first = date.fromisoformat(f"{raw}-01")
        except ValueError:
            first = date.min
        if len(raw) != len("2026-11") or first.year not in _YEARS:
            raise BadFilter("달을 읽을 수 없습니다. 예: 2026-11")
        return cls(first)

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}"

    def moved(self, months: int) -> Month:
        """The month so many months later."""
        place = self.first.year * 12 + self.first.month - 1 + months
        return Month(date(place // 12, place % 12 + 1, 1))

    @property
    def selection(self) -> Selection:
        """All rows of the month."""
        return Selection(since=_midnight(self.first), until=_midnight(self.moved(1).first))


def _day(raw: str) -> datetime | None:
    if not raw:
        return None
    try:
        day = date.fromisoformat(raw)
    except ValueError:
        day = date.min
    if day.year not in _YEARS:
        raise BadFilter("날짜를 읽을 수 없습니다. 예: 2026-11-22")
    return _midnight(day)


def _seq(raw: str) -> int | None:
    if not raw:
        return None
    seq = whole_number(raw, _MAX_SEQ_DIGITS)
    if seq is None:
        raise BadFilter("페이지 주소가 올바르지 않습니다. 첫 페이지부터 다시 확인해 주세요.")
    return seq


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), KST)
