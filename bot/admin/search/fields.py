"""The fields of the search box: their names, and how their values are written."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bot.admin.web.labels import (
    DELIVERY_STATES,
    FAILURES,
    FINISH_REASONS,
    KST,
    REASONS,
    STATUSES,
    VERDICTS,
)
from bot.admin.web.language import DEFAULT, chosen
from bot.admin.web.language import translate as _
from bot.admin.web.numbers import whole_number
from bot.domain.feedback import Vote
from bot.domain.normal_form import folded
from bot.store.search.segments import BEGINNING, END

#: Values of the delivery field beside the states: no delivery yet, and dead letters.
NO_DELIVERY = "none"
DEAD_LETTER = "dead"

DELIVERIES = DELIVERY_STATES | {NO_DELIVERY: "기록 없음", DEAD_LETTER: "전송 실패 답변"}
#: Values of the review field beside verdicts and reasons.
OPEN_REVIEW = "open"
CORRECTED = "corrected"
DISPUTED = "disputed"
DECIDED = "decided"
REVIEWS = VERDICTS | REASONS
REVIEWS |= {OPEN_REVIEW: "검토 대기", CORRECTED: "고친 답변", DISPUTED: "의견 갈림"}
REVIEWS |= {DECIDED: "최종 판정"}
VOTES = {Vote.GOOD.value: "좋아요", Vote.BAD.value: "싫어요"}

MAX_VALUE_CHARS = 100
_MAX_DIGITS = 12


class UnreadableValue(ValueError):
    """A value that its field cannot have; its text is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field: a term is its name, a colon and a value, which may begin with < or >."""

    name: str
    label: str
    aliases: tuple[str, ...] = ()
    compared: bool = False  #: takes < and >
    choices: Mapping[str, str] = field(default_factory=dict)  #: labels by value; empty: any value
    read: Callable[[str], str] = lambda value: value  #: the value as kept; UnreadableValue
    example: str = ""

    @property
    def shown_example(self) -> str:
        """A term of this field, in the language of the page."""
        if chosen() == DEFAULT:
            return f"{self.label.replace(' ', '')}:{self.example}"
        values = {label.replace(" ", ""): value for value, label in self.choices.items()}
        return f"{self.name}:{values.get(self.example, self.example)}"

    @property
    def names(self) -> tuple[str, ...]:
        """All names, in small letters."""
        return (self.name, self.label.replace(" ", ""), *self.aliases)


def read_choice(choices: Mapping[str, str], value: str) -> str:
    """The value that is written so, or has this label, whatever its spaces. UnreadableValue."""
    wanted = _squeezed(value)
    for known, label in choices.items():
        if wanted in {_squeezed(known), _squeezed(label), _squeezed(_(label))}:
            return str(known)
    examples = ", ".join(_(label).replace(" ", "") for label in [*choices.values()][:4])
    raise UnreadableValue(_("알 수 없는 값입니다. 예: {examples}", examples=examples))


def milliseconds(value: str) -> float:
    """A duration such as 30s, 1500ms, 2분; without a unit in seconds. UnreadableValue."""
    found = re.fullmatch(r"(\d{1,12}(?:\.\d{1,3})?)(ms|s|m|초|분)?", value)
    if not found:
        raise UnreadableValue(_("시간을 읽을 수 없습니다. 예: >30s, <1500ms"))
    return float(found[1]) * _UNITS[found[2] or "s"]


def number(value: str) -> float:
    """A whole number. UnreadableValue."""
    whole = whole_number(value, _MAX_DIGITS)
    if whole is None:
        raise UnreadableValue(_("숫자를 읽을 수 없습니다. 예: >1000"))
    return float(whole)


def days(value: str, now: datetime) -> tuple[datetime, datetime]:
    """The range of Korean time that a date names: a minute, a day, a month; end exclusive.

    ``now``: for today and yesterday. Raises UnreadableValue.
    """
    if value in _RELATIVE_DAYS:
        today = now.astimezone(KST).replace(hour=0, minute=0, second=0, microsecond=0)
        start = today - timedelta(days=_RELATIVE_DAYS[value])
        return start, start + timedelta(days=1)
    try:
        if re.fullmatch(r"\d{4}-\d\d", value):
            start = _moment(f"{value}-01")
            return start, (start + timedelta(days=31)).replace(day=1)
        start = _moment(value)
    except ValueError:
        raise UnreadableValue(_("날짜를 읽을 수 없습니다. 예: 2026-11-20..2026-11-22")) from None
    return start, start + _UNITS_OF_TIME[len(value)]


def date_range(value: str, now: datetime) -> tuple[datetime, datetime]:
    """The same of two dates with .. between them, or of one with all before or after it."""
    first, dots, last = value.partition("..")
    last = last if dots else first
    since = days(first, now)[0] if first or not dots else BEGINNING
    until = days(last, now)[1] if last or not first else END
    if since >= until:
        raise UnreadableValue(_("시작이 끝보다 늦습니다."))
    return since, until


def _moment(value: str) -> datetime:
    """A moment of Korean time. Raises ValueError."""
    moment = datetime.fromisoformat(value)
    if len(value) not in _UNITS_OF_TIME or not 2000 <= moment.year < 2100:
        raise ValueError(value)
    return moment.replace(tzinfo=KST)


def _squeezed(value: str) -> str:
    return "".join(folded(value).split())


def _readable(read: Callable[[str], object]) -> Callable[[str], str]:
    """Check the value; it stays as it is written, in small letters."""

    def check(value: str) -> str:
        read(value.lower())
        return value.lower()

    return check


def _chosen(choices: Mapping[str, str]) -> Callable[[str], str]:
    return lambda value: read_choice(choices, value)


_UNITS = {"ms": 1, "s": 1000, "초": 1000, "m": 60_000, "분": 60_000}
_RELATIVE_DAYS = {"오늘": 0, "today": 0, "어제": 1, "yesterday": 1}
#: The smallest unit that a date names, by the length of its text.
_UNITS_OF_TIME = {
    len("2026-11-22"): timedelta(days=1),
    len("2026-11-22T09:30"): timedelta(minutes=1),
    len("2026-11-22T09:30:00"): timedelta(seconds=1),
}
#: To check a date, any moment does.
_ANY_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def _field(name: str, label: str, *aliases: str, example: str, **more: object) -> Field:
    return Field(name=name, label=label, aliases=aliases, example=example, **more)  # type: ignore[arg-type]


def _choice(
    name: str, label: str, *aliases: str, choices: Mapping[str, str], example: str = ""
) -> Field:
    """``example``: one of the values; default: the first."""
    example = choices.get(example, next(iter(choices.values()), "")).replace(" ", "")
    return _field(name, label, *aliases, example=example, choices=choices, read=_chosen(choices))


def all_fields(messengers: Mapping[str, str]) -> tuple[Field, ...]:
    """Every field; ``messengers``: their labels by name."""
    return (
        _choice("messenger", "메신저", choices=messengers),
        _field("tenant", "워크스페이스", "작업공간", "bot", "봇", example="T0123ABCD"),
        _field("room", "채널", "방", example="C0123ABCD"),
        _field("person", "사용자", "사람", example="1f2e3d4c"),
        _choice("status", "상태", choices=STATUSES, example="failed"),
        _choice("delivery", "전달", choices=DELIVERIES, example=DEAD_LETTER),
        _field("model", "모델", example="MLP-KTLim/llama-3-Korean-Bllossom-8B"),
        _field("preset", "프리셋", example="bllossom-8b"),
        _field("config", "설정", "설정버전", example="12", read=_readable(number)),
        _field(
            "latency", "걸린 시간", "시간", example=">30s", compared=True,
            read=_readable(milliseconds),
        ),
        _field("tokens", "토큰", example=">1000", compared=True, read=_readable(number)),
        _choice("feedback", "평가", "투표", choices=VOTES, example="bad"),
        _choice("review", "검토", choices=REVIEWS, example="wrong"),
        _choice("failure", "실패", "실패사유", choices=FAILURES, example="out_of_memory"),
        _choice("finish", "종료", "종료사유", choices=FINISH_REASONS, example="length"),
        _field(
            "date", "날짜", "기간", example="2026-11-20..2026-11-22", compared=True,
            read=_readable(lambda value: date_range(value, _ANY_MOMENT)),
        ),
    )  # fmt: skip
