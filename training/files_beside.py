"""Folders that are whole or not there: written beside their place, and renamed at the end."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training.errors import TrainingError

GIB = 1 << 30
#: No space, a quota, a limit on files: for people the same.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: Of the error of ``torch.save`` where a write was cut short.
_TORCH_WRITES = "enforce fail at inline_container"
#: What a file system needs besides the files themselves.
_RESERVE = 64 << 20


def part_of(folder: Path) -> Path:
    """Where a folder is written until it is whole."""
    return folder.with_name(f"{folder.name}.part")


def check_free(folder: Path) -> None:
    """Refuse to write over what is there. Raises TrainingError."""
    if folder.exists():
        raise TrainingError(f"{folder} exists already: name another --output, or move it away")


def check_room(folder: Path, needed: int) -> None:
    """Ask the disk for ``needed`` bytes before anything is written. Raises TrainingError."""
    place = next(parent for parent in folder.resolve().parents if parent.is_dir())
    free = shutil.disk_usage(place).free
    if free < needed + _RESERVE:
        raise TrainingError(
            f"{folder} needs {gib(needed + _RESERVE)}, but {place} has {gib(free)} left: free "
            "some, or name an --output on another disk"
        )


@contextmanager
def written_beside(folder: Path) -> Iterator[Path]:
    """An empty folder that takes its place when the block ends well, and is removed otherwise.

    Raises TrainingError where the disk is full.
    """
    check_free(folder)
    part = part_of(folder)
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        with full_disk_as_sentence(folder):
            yield part
            _flush(part)
            part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def full_disk_as_sentence(folder: Path) -> Iterator[None]:
    """Raise TrainingError instead of what libraries make of a disk without room."""
    try:
        yield
    except Exception as error:
        if not is_no_room(error):
            raise
        raise TrainingError(
            f"the disk is full: nothing was left at {folder}; free some space there "
            f"({gib(_free(folder))} left now), or name an --output on another disk"
        ) from error


def is_no_room(error: BaseException) -> bool:
    """Whether the disk is full; torch and safetensors say it in their texts alone."""
    if isinstance(error, OSError):
        return error.errno in _NO_ROOM
    text = str(error)
    return _TORCH_WRITES in text or any(f"os error {number}" in text for number in _NO_ROOM)


def gib(size: int) -> str:
    """A size for people."""
    return f"{size / GIB:.1f} GiB"


def _free(folder: Path) -> int:
    place = next(parent for parent in folder.resolve().parents if parent.is_dir())
    return shutil.disk_usage(place).free


def _flush(folder: Path) -> None:
    """Let the files reach the disk before their name says that they are whole."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
