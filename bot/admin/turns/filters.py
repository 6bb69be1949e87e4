"""The filters of the list of turns, as the URL carries them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self
from urllib.parse import urlencode
from uuid import UUID

from bot.admin.web.labels import DELIVERY_STATES, KST, STATUSES
from bot.admin.web.language import translate as _
from bot.domain.turns import clean_text

MAX_QUERY_CHARS = 200

#: Values of the delivery filter beside the states: no delivery yet, and dead letters.
NO_DELIVERY = "none"
DEAD_LETTER = "dead"


class BadFilter(ValueError):
    """An invalid filter; its text is a sentence for the page."""


class BadCursor(ValueError):
    """A cursor that this dashboard did not write."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last turn of a page; the next page begins below it."""

    received_at: datetime  #: aware
    id: UUID

    def __str__(self) -> str:
        micros = (self.received_at - _EPOCH) // timedelta(microseconds=1)
        return base64.urlsafe_b64encode(micros.to_bytes(8, signed=True) + self.id.bytes).decode()

    @classmethod
    def parse(cls, raw: str) -> Self:
        """Raises BadCursor for anything ``str`` of a cursor did not make."""
        try:
            packed = base64.b64decode(raw, altchars=b"-_", validate=True)
            if len(packed) != 24:
                raise BadCursor(raw)
            micros = int.from_bytes(packed[:8], signed=True)
            return cls(_EPOCH + timedelta(microseconds=micros), UUID(bytes=packed[8:]))
        except (ValueError, OverflowError, binascii.Error) as error:
            raise BadCursor(raw) from error


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The list's filters; an empty string or None leaves a filter out."""

    messenger: str = ""
    status: str = ""
    delivery: str = ""  #: a DeliveryState, NO_DELIVERY or DEAD_LETTER
    since: datetime | None = None
    until: datetime | None = None  #: exclusive
    q: str = ""

    @classmethod
    def parse(cls, query: Mapping[str, str], messengers: Container[str]) -> Self:
        """Read the form's fields; ``messengers``: the known names. Raises BadFilter."""
        filters = cls(
            messenger=_choice(query, "messenger", messengers, "메신저"),
            status=_choice(query, "status", STATUSES, "상태"),
            delivery=_choice(
                query, "delivery", {*DELIVERY_STATES, NO_DELIVERY, DEAD_LETTER}, "전달 상태"
            ),
            since=_moment(query, "from", "시작", end=False),
            until=_moment(query, "to", "끝", end=True),
            q=_search(query),
        )
        if filters.since and filters.until and filters.since >= filters.until:
            raise BadFilter(_("시작 시각이 끝 시각보다 늦습니다. 기간을 다시 정해 주세요."))
        return filters


def in_url(query: Mapping[str, str], **changes: str) -> str:
    """The form's fields as a query string, without empty ones and with ``changes``."""
    kept = {name: query.get(name, "") for name in FIELDS} | changes
    return urlencode({name: value for name, value in kept.items() if value})


#: The form's fields. Without the cursor: another filter begins on the first page.
FIELDS = ("q", "messenger", "status", "delivery", "from", "to")


def _choice(query: Mapping[str, str], field: str, known: Container[str], label: str) -> str:
    value = query.get(field, "").strip()
    if value and value not in known:
        raise BadFilter(
            _("{field}에 알 수 없는 값이 있습니다. 목록에서 골라 주세요.", field=_(label))
        )
    return value


def _search(query: Mapping[str, str]) -> str:
    value = clean_text(query.get("q", ""))
    if len(value) > MAX_QUERY_CHARS:
        raise BadFilter(_("검색어는 {count}자까지 쓸 수 있습니다.", count=MAX_QUERY_CHARS))
    return value


def _moment(query: Mapping[str, str], field: str, label: str, *, end: bool) -> datetime | None:
    """A day or a minute of Korean time; an end includes all of that day or minute."""
    value = query.get(field, "").strip()
    if not value:
        return None
    try:
        moment = datetime.fromisoformat(value)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=KST)
        if not 2000 <= moment.year < 2100:
            raise ValueError(value)
    except (ValueError, OverflowError):
        raise BadFilter(
            _("{field} 시각을 읽을 수 없습니다. 예: 2026-11-22T09:30", field=_(label))
        ) from None
    return moment + _WHOLE.get(len(value), timedelta()) if end else moment


#: The length of the smallest unit that an end names, by the length of its text.
_WHOLE = {len("2026-11-22"): timedelta(days=1), len("2026-11-22T09:30"): timedelta(minutes=1)}
