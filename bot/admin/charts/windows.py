"""The ranges of time that charts show, as the URL names them."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self
from urllib.parse import urlencode

from bot.admin.web.labels import KST
from bot.admin.web.language import translate as _
from bot.store.statistics_reading import Span

#: Length, and step of the charts, in seconds: 60 to 168 points each.
LENGTHS = {
    "1h": (3600, 60),
    "6h": (6 * 3600, 300),
    "1d": (86_400, 900),
    "7d": (7 * 86_400, 3600),
    "30d": (30 * 86_400, 21_600),
    "90d": (90 * 86_400, 86_400),
}
LABELS = {
    "1h": "1시간",
    "6h": "6시간",
    "1d": "1일",
    "7d": "7일",
    "30d": "30일",
    "90d": "90일",
}
DEFAULT = "1d"
MAX_TENANT_CHARS = 200

_EPOCH = datetime(2000, 1, 1, tzinfo=KST)


class BadWindow(ValueError):
    """A sentence about what of the URL cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A range of time that ends now, or at ``end`` where the URL names it."""

    name: str
    messenger: str
    tenant: str
    end: datetime | None
    until: datetime  #: exclusive: the end of its last step

    @classmethod
    def parse(cls, query: Mapping[str, str], messengers: Container[str], now: datetime) -> Self:
        """Read the URL's query. Raises BadWindow."""
        name = query.get("range", "") or DEFAULT
        if name not in LENGTHS:
            raise BadWindow(_("기간을 알 수 없습니다. 아래에서 골라 주세요."))
        messenger = query.get("messenger", "")
        if messenger and messenger not in messengers:
            raise BadWindow(_("메신저를 알 수 없습니다. 아래에서 골라 주세요."))
        tenant = query.get("tenant", "").strip()
        if len(tenant) > MAX_TENANT_CHARS or "\x00" in tenant:
            raise BadWindow(_("봇이나 워크스페이스를 알 수 없습니다. 아래에서 골라 주세요."))
        end = _moment(query.get("end", ""))
        step = timedelta(seconds=LENGTHS[name][1])
        until = _aligned(end or now, step) + step
        return cls(name=name, messenger=messenger, tenant=tenant, end=end, until=until)

    @property
    def span(self) -> Span:
        """What of the statistics it shows."""
        length, step_s = LENGTHS[self.name]
        since = self.until - timedelta(seconds=length)
        return Span(
            step_s=step_s,
            since=since,
            until=self.until,
            messenger=self.messenger,
            tenant=self.tenant,
        )

    def since_days(self, days: int) -> datetime:
        """So many days before its end."""
        return self.until - timedelta(days=days)

    @property
    def steps(self) -> list[datetime]:
        """The beginnings of its steps, oldest first."""
        span = self.span
        step = timedelta(seconds=span.step_s)
        return [span.since + number * step for number in range((span.until - span.since) // step)]

    @property
    def end_text(self) -> str:
        """Its end as the URL has it; "" where it ends now."""
        return self.end.astimezone(KST).strftime("%Y-%m-%dT%H:%M") if self.end else ""

    def query(self, **changes: str) -> str:
        """The query string of this window, with ``changes``; without empty fields."""
        fields = {
            "range": self.name,
            "messenger": self.messenger,
            "tenant": self.tenant,
            "end": self.end_text,
        } | changes
        return urlencode({name: value for name, value in fields.items() if value})

    def moved(self, times: int) -> str:
        """The query string of the window ``times`` its own length later."""
        length = timedelta(seconds=LENGTHS[self.name][0])
        last = self.until - timedelta(seconds=LENGTHS[self.name][1])
        moment = (last + times * length).astimezone(KST)
        return self.query(end=moment.strftime("%Y-%m-%dT%H:%M"))


def _aligned(moment: datetime, step: timedelta) -> datetime:
    """The beginning of the step around a moment; the steps' days are Korea's."""
    return _EPOCH + (moment - _EPOCH) // step * step


def _moment(raw: str) -> datetime | None:
    """A minute of Korean time, or None. Raises BadWindow."""
    if not raw.strip():
        return None
    try:
        moment = datetime.strptime(raw.strip(), "%Y-%m-%dT%H:%M").replace(tzinfo=KST)
    except ValueError:
        raise BadWindow(_("끝 시각을 읽을 수 없습니다. 예: 2026-11-22T09:30")) from None
    if not 2000 < moment.year < 2100:
        raise BadWindow(_("끝 시각을 읽을 수 없습니다. 예: 2026-11-22T09:30"))
    return moment
