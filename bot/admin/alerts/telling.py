"""Tells alerts to the channels, each beside the others: a slow channel delays none of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.alerts.channels import Channels
from bot.admin.alerts.conditions import TITLES, in_words
from bot.admin.web.language import translate as _
from bot.store import alerts
from bot.store.alerts import Notice
from runtime.database import DATABASE_ERRORS, fault_fields
from runtime.tasks import TaskSet
from runtime.timeouts import run_with_timeout

log = structlog.get_logger(__name__)

TIMEOUT_S = 10.0


class AlertTeller:
    """Sends notices in tasks of its own. A crash in between delays one to its repetition.

    There are few at a time: each kind of alert is claimed anew only once it has been told.
    """

    def __init__(self, *, database: AsyncEngine, channels: Channels) -> None:
        self._database = database
        self._channels = channels
        self._tasks = TaskSet()

    def tell(self, notice: Notice) -> None:
        """Begin to tell it to every channel."""
        log.warning("alert", alert=notice.name, ended=notice.ended)
        self._tasks.start(self._tell(notice), name=f"alert {notice.name}")

    async def wait(self) -> None:
        """Return once everything has been told, or given up."""
        await self._tasks.wait()

    async def keep_open(self) -> None:
        """Until cancelled; what is being told then is given up."""
        try:
            await asyncio.Event().wait()
        finally:
            await self._tasks.cancel()

    async def _tell(self, notice: Notice) -> None:
        results = await self._channels.send(words(notice), fields(notice))
        try:
            await run_with_timeout(TIMEOUT_S, self._note(notice, results))
        except DATABASE_ERRORS as error:
            log.warning("alert_not_noted", alert=notice.name, **fault_fields(error))

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
