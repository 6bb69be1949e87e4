"""The data directory of one machine: its lock, sockets, logs and errors."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: A Unix socket's path has to fit into sockaddr_un.sun_path (unix(7)) with its NUL.
SOCKET_PATH_BYTES = 107
_LONGEST_SOCKET_NAME = ".s.PGSQL.5432"
_NO_SPACE = os.strerror(errno.ENOSPC)
_TAIL_BYTES = 8192


class CannotStart(RuntimeError):
    """Something cannot run; the text is one sentence that says what to do."""


def disk_full(data_dir: Path) -> CannotStart:
    """The error of a full disk."""
    return CannotStart(
        f"No space left on the disk of {data_dir}: free at least 200 MB there, "
        "or set BOT_DATA_DIR to a folder on another disk."
    )


@contextmanager
def os_errors_as_cannot_start(data_dir: Path) -> Iterator[Path]:
    """The directory's resolved path; an OSError of the block becomes a CannotStart."""
    try:
        yield data_dir.resolve()
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full(data_dir) from problem
        raise CannotStart(
            f"Cannot write to {data_dir} ({problem.strerror}): give this user write "
            "permission there, or set BOT_DATA_DIR to another folder."
        ) from problem


@contextmanager
def locked(data_dir: Path, name: str) -> Iterator[None]:
    """Hold the lock ``name`` of the data directory; it ends with the process at the latest."""
    data_dir.mkdir(parents=True, exist_ok=True)
    path = data_dir / f"{name}.lock"
    descriptor = _try_lock(path)
    if descriptor is None:
        raise CannotStart(
            f"Another process is already using {data_dir}: stop it first, "
            "or set BOT_DATA_DIR to another folder."
        )
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _try_lock(path: Path) -> int | None:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        # The last owner may have unlinked the file between open and lock; then it is no lock.
        with suppress(FileNotFoundError):
            if os.path.samestat(path.stat(), os.fstat(descriptor)):
                return descriptor
        os.close(descriptor)


@contextmanager
def socket_dir(data_dir: Path, name: str) -> Iterator[Path]:
    """A private folder for one server's sockets, short enough for a socket's path.

    If the data directory's path is too long, it is a temporary folder. A link in the data
    directory remembers it, so that the start after a kill removes it.
    """
    place = data_dir / "run" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    _clear(place)
    if len(os.fsencode(place / _LONGEST_SOCKET_NAME)) >= SOCKET_PATH_BYTES:
        short = Path(tempfile.mkdtemp(prefix="bot-", dir="/tmp"))
        place.symlink_to(short)
    else:
        place.mkdir(mode=0o700)
    try:
        yield place.resolve()
    finally:
        _clear(place)
        with suppress(OSError):
            place.parent.rmdir()


def _clear(place: Path) -> None:
    if place.is_symlink():
        shutil.rmtree(place.readlink(), ignore_errors=True)
        place.unlink()
    elif place.exists():
        shutil.rmtree(place)


def rotate_log(path: Path) -> None:
    """Rotate the log of the previous run to ``.1``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.replace(path.with_name(path.name + ".1"))


def tail(path: Path) -> list[str]:
    """The last lines of a log without blank ones; empty without a log."""
    with suppress(OSError), path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        lines = file.read().decode("utf-8", "replace").splitlines()
        return [line.strip() for line in lines if line.strip()]
    return []


def startup_failure(name: str, log: Path, data_dir: Path) -> CannotStart:
    """The error of a process that exited, with the most telling line of its log."""
    lines = tail(log)
    if any(_NO_SPACE in line for line in lines):
        return disk_full(data_dir)
    telling = [line for line in lines if "FATAL" in line or "PANIC" in line or "rror" in line]
    line = (telling or lines or ["nothing"])[-1]
    return CannotStart(f"{name} did not start; its log {log} says: {line[:300]}")
