"""The job that looks for alerts, and tells them once over all bots."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.alerts.channels import Channels
from bot.admin.alerts.conditions import SLOW, SLOW_S, TITLES, Conditions, in_words
from bot.admin.web.language import translate as _
from bot.store import alerts
from bot.store.alerts import Notice
from runtime.timeouts import run_with_timeout

log = structlog.get_logger(__name__)

TIMEOUT_S = 10.0


class AlertWatch:
    """Notes what fires, and sends what is due. A crash in between delays it to the repetition."""

    def __init__(
        self, *, database: AsyncEngine, conditions: Conditions, channels: Channels
    ) -> None:
        self._database = database
        self._conditions = conditions
        self._channels = channels

    async def look(self) -> None:
        """Look once. Raises DATABASE_ERRORS."""
        for notice in await run_with_timeout(TIMEOUT_S, self._due()):
            log.warning("alert", alert=notice.name, ended=notice.ended)
            results = await self._channels.send(words(notice), fields(notice))
            await run_with_timeout(TIMEOUT_S, self._note(notice, results))

    async def _due(self) -> list[Notice]:
        async with self._database.begin() as connection:
            await alerts.observe(connection, await self._conditions.look(connection))
        async with self._database.begin() as connection:
            return await alerts.claim_notices(connection, slow=SLOW, wait_s=SLOW_S)

    async def _note(self, notice: Notice, results: Mapping[str, str]) -> None:
        """Note how the channels did; what reached nobody is told once more, at the next look."""
        async with self._database.begin() as connection:
            await alerts.note_channels(connection, results)
            if results and all(results.values()) and not notice.ended:
                await alerts.give_back(connection, notice.name)


def words(notice: Notice) -> str:
    """The message for people."""
    title = next((title for name, title in TITLES.items() if name == notice.name), notice.name)
    if notice.ended:
        return _("[Bllossom] 해결됨: {title}", title=_(title))
    warning = _("[Bllossom] 경고: {title}", title=_(title))
    detail = in_words(notice.name, notice.detail)
    return f"{warning}\n{detail}. {_('대시보드에서 확인해 주세요: /admin/alerts')}"


def fields(notice: Notice) -> dict[str, object]:
    """The message for programs, beside its words."""
    state = "resolved" if notice.ended else "firing"
    return {"alert": notice.name, "state": state, "detail": in_words(notice.name, notice.detail)}
