"""What a bot says of itself: which version of the settings it answers with."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.observability.metrics import CONFIG_VERSION
from bot.store import config_readers
from bot.store.config_readers import REPORT_S
from runtime.direct import connect_directly


class VersionReport:
    """Reports a version as soon as it is read, and after that as a sign of life."""

    def __init__(
        self, database: AsyncEngine, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._clock = clock
        #: In containers every process has the same number, and a host may start a bot anew.
        self.bot = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(2)}"
        self._reported: tuple[int, float] | None = None

    async def tell(self, version: int) -> None:
        """Write it down where it is news. Raises database errors."""
        CONFIG_VERSION.set(version)
        now = self._clock()
        if self._reported and self._reported[0] == version and now - self._reported[1] < REPORT_S:
            return
        async with connect_directly(self._database) as connection:
            await config_readers.report(connection, self.bot, version)
        self._reported = (version, now)
