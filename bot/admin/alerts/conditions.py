"""When an alert fires, and its words."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.admin.web.language import translate as _
from bot.observability.disk import free_ratio
from bot.store import alerts
from bot.workers import WorkerRegistry

#: Deliveries that may fail within a quarter of an hour.
MAX_DEAD = 5
#: The share of answers in time, and the answers of half an hour that make a share.
MIN_IN_TIME, MIN_JUDGED = 0.9, 20
MIN_DISK_FREE = 0.1


class AlertName(StrEnum):
    """The kinds of alerts; the page and the messages have words for them."""

    DEAD_LETTERS = "dead_letters"
    MODEL_GONE = "model_gone"
    ANSWERS_LATE = "answers_late"
    DISK_FULL = "disk_full"


TITLES = {
    AlertName.DEAD_LETTERS: "답변을 전달하지 못하고 있습니다",
    AlertName.MODEL_GONE: "답변할 모델이 없습니다",
    AlertName.ANSWERS_LATE: "답변이 기한보다 늦습니다",
    AlertName.DISK_FULL: "디스크가 거의 찼습니다",
}
#: The same as nouns, for the page.
SUBJECTS = {
    AlertName.DEAD_LETTERS: "답변 전달",
    AlertName.MODEL_GONE: "모델",
    AlertName.ANSWERS_LATE: "답변 기한 준수",
    AlertName.DISK_FULL: "디스크",
}
#: Their details; the numbers are kept as JSON, so that each page says them in its language.
_DETAILS = {
    AlertName.DEAD_LETTERS: "최근 15분 동안 {count}건",
    AlertName.MODEL_GONE: "작업을 받는 워커 0개",
    AlertName.ANSWERS_LATE: "최근 30분 동안 {count}건 가운데 {share}%만 제시간",
    AlertName.DISK_FULL: "남은 공간 {share}%",
}
#: What to look at, by the name of a page.
PAGES = {
    AlertName.DEAD_LETTERS: "dead_letters",
    AlertName.MODEL_GONE: "workers",
    AlertName.ANSWERS_LATE: "charts",
    AlertName.DISK_FULL: "workers",
}
#: These fire for two minutes before anybody is told: a worker may be starting anew.
SLOW = (AlertName.MODEL_GONE,)
SLOW_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Looks at everything that an alert may be about."""

    workers: WorkerRegistry
    data_dir: Path

    async def look(self, connection: AsyncConnection) -> dict[str, str | None]:
        """The numbers of the alerts that fire, None for those that do not."""
        found: dict[str, str | None] = {
            AlertName.DEAD_LETTERS: _dead(await alerts.recent_dead(connection)),
            AlertName.ANSWERS_LATE: _late(*await alerts.recent_in_time(connection)),
            AlertName.DISK_FULL: _disk(await asyncio.to_thread(free_ratio, self.data_dir)),
        }
        if self.workers.workers is not None:  # unknown without Redis
            gone = self.workers.model_is_off
            found[AlertName.MODEL_GONE] = _numbers() if gone else None
        return found


def in_words(name: str, numbers: str) -> str:
    """The detail of an alert in the page's language; what another version wrote stays as it is."""
    sentence = next((words for known, words in _DETAILS.items() if known == name), "")
    try:
        return _(sentence, **json.loads(numbers))
    except (ValueError, TypeError, LookupError):
        return numbers


def _numbers(**numbers: int) -> str:
    return json.dumps(numbers)


def _dead(count: int) -> str | None:
    return _numbers(count=count) if count > MAX_DEAD else None


def _late(judged: int, in_time: int) -> str | None:
    if judged < MIN_JUDGED or in_time >= MIN_IN_TIME * judged:
        return None
    return _numbers(count=judged, share=round(100 * in_time / judged))


def _disk(free: float) -> str | None:
    return _numbers(share=round(100 * free)) if free < MIN_DISK_FREE else None
