"""The placeholders ``{date}`` and ``{weekday}`` of a system prompt of one's own.

Models do not know today's date. The presets' prompts hold no placeholder, so they stay exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

DEFAULT_ZONE = "Asia/Seoul"
#: Korea has kept UTC+9 without summer time since 1988: no time zone data is needed.
_SEOUL = timezone(timedelta(hours=9), DEFAULT_ZONE)

_WEEKDAYS = {
    "ko": ("월요일", "화요일", "수요일", "목요일", "금요일", "토요일", "일요일"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}


def read_zone(name: str) -> tzinfo:
    """The time zone of an IANA name. Raises ZoneInfoNotFoundError for an unknown one."""
    return _SEOUL if name == DEFAULT_ZONE else ZoneInfo(name)


@dataclass(frozen=True, slots=True)
class PromptDate:
    """Today's date for prompts, in the words of ``language`` ("ko" or "en")."""

    zone: tzinfo = _SEOUL
    language: str = "ko"
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def fill(self, prompt: str) -> str:
        """The prompt with its placeholders replaced; other braces stay."""
        if "{date}" not in prompt and "{weekday}" not in prompt:
            return prompt
        today = self.now().astimezone(self.zone)
        weekday = _WEEKDAYS[self.language][today.weekday()]
        return prompt.replace("{date}", self._date(today)).replace("{weekday}", weekday)

    def _date(self, today: datetime) -> str:
        if self.language == "ko":
            return f"{today.year}년 {today.month}월 {today.day}일"
        return today.date().isoformat()
