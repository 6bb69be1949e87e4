"""How large an export may be, and how much of the disk it leaves free."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bot.settings import Settings

MEGABYTE = 1024 * 1024


class DiskFullError(Exception):
    """The disk has less room than the export and the reserve need."""


class TooLargeError(Exception):
    """The export is larger than the settings allow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The settings of exports."""

    max_rows: int
    max_bytes: int
    kept_days: int
    reserve_bytes: int  #: of the disk

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """As the environment sets them."""
        return cls(
            max_rows=settings.export_max_rows,
            max_bytes=settings.export_max_mb * MEGABYTE,
            kept_days=settings.export_kept_days,
            reserve_bytes=settings.export_disk_reserve_mb * MEGABYTE,
        )


def free_bytes(folder: Path) -> int:
    """What is free on the disk that holds the folder, or will. Raises OSError."""
    place = next(path for path in (folder, *folder.resolve().parents) if path.exists())
    return shutil.disk_usage(place).free


class DiskSpace:
    """The disk of a folder, with a reserve that no export touches."""

    def __init__(
        self, folder: Path, *, reserve: int, free: Callable[[Path], int] = free_bytes
    ) -> None:
        self._folder = folder
        self._reserve = reserve
        self._free = free

    async def require(self, size: int) -> None:
        """Look, in a thread, whether so many bytes fit. Raises DiskFullError."""
        if await asyncio.to_thread(self._free, self._folder) < size + self._reserve:
            raise DiskFullError
