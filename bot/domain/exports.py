"""Exports: files of a list, made by a job of the bot and kept for some days."""

from __future__ import annotations

from enum import StrEnum


class ExportFormat(StrEnum):
    """The format of the file. Which of them a list has, the list says."""

    CSV = "csv"
    XLSX = "xlsx"
    DATASET = "zip"  #: a folder that ``datasets`` loads


class ExportState(StrEnum):
    """The state of an export: waiting -> running -> one of the ends."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    EMPTY = "empty"  #: nothing meets the conditions: there is no file
    FAILED = "failed"
    CANCELLED = "cancelled"
    WITHDRAWN = "withdrawn"  #: someone in it was erased, or wants to be in no data set
    EXPIRED = "expired"  #: kept long enough


class ExportFailure(StrEnum):
    """Why there is no file."""

    DISK_FULL = "disk_full"
    TOO_LARGE = "too_large"
    FAULT = "fault"  #: the log says more


#: Those that a bot still works on.
OPEN_EXPORTS = frozenset({ExportState.WAITING, ExportState.RUNNING})
