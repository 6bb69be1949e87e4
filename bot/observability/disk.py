"""How full the disk of the data directory is, for Prometheus and the workers' page."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from bot.observability.metrics import DISK_FREE_RATIO


def free_ratio(folder: Path) -> float:
    """The free share of the disk that holds the folder, or will. Raises OSError."""
    place = next(path for path in (folder, *folder.resolve().parents) if path.exists())
    usage = shutil.disk_usage(place)
    return usage.free / usage.total


class DiskWatch:
    """Looks at the disk now and then, in a thread: a network's disk may hang."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def look(self) -> None:
        """Look once. Raises OSError."""
        DISK_FREE_RATIO.set(await asyncio.to_thread(free_ratio, self._folder))
