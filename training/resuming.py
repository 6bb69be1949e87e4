"""Going on after a kill: which checkpoint is whole, and whether it is of the same training."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from training.errors import TrainingError

#: Written last into a checkpoint: the names and sizes of its files.
WHOLE = "whole.json"
STARTED = "started.json"


def begin(work: Path, settings: dict[str, Any], *, restart: bool) -> dict[str, Any]:
    """What this training noted at its start: now, or before it was killed.

    Raises TrainingError where the folder holds a training with other settings.
    """
    if restart:
        shutil.rmtree(work, ignore_errors=True)
    noted = read_json(work / STARTED)
    if noted is None:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        write_json(work / STARTED, settings)
        return settings
    changed = sorted(
        name for name in settings if json.loads(json.dumps(settings[name])) != noted.get(name)
    )
    if changed:
        raise TrainingError(
            f"{work} holds an unfinished training with another {', '.join(changed)}: go on with "
            "the same command, name another --output, or begin again with --restart"
        )
    return noted


@contextmanager
def exclusive(work: Path) -> Iterator[None]:
    """Let one process train into a folder. Raises TrainingError for the second."""
    work.parent.mkdir(parents=True, exist_ok=True)
    path = work.with_name(f"{work.name}.lock")
    try:
        with FileLock(path, timeout=0):
            yield
            path.unlink(missing_ok=True)
    except Timeout as error:
        raise TrainingError(
            f"another process trains into {work} already: wait for it, or name another --output"
        ) from error


def mark_whole(checkpoint: Path) -> None:
    """Say of a checkpoint that everything is written."""
    sizes = {
        str(path.relative_to(checkpoint)): path.stat().st_size
        for path in checkpoint.rglob("*")
        if path.is_file()
    }
    write_json(checkpoint / WHOLE, sizes)


def newest_whole(work: Path) -> Path | None:
    """The newest checkpoint that is whole; the others are removed."""
    newest: Path | None = None
    for checkpoint in sorted(work.glob("checkpoint-*"), key=_step, reverse=True):
        if newest is None and _is_whole(checkpoint):
            newest = checkpoint
        elif newest is None:
            shutil.rmtree(checkpoint, ignore_errors=True)
    return newest


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a file; None where there is none that is whole."""
    try:
        values = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write a file that is whole or not there."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(values, ensure_ascii=False, indent=2) + "\n", "utf-8")
    part.rename(path)


def _is_whole(checkpoint: Path) -> bool:
    sizes = read_json(checkpoint / WHOLE)
    return sizes is not None and all(
        (checkpoint / name).is_file() and (checkpoint / name).stat().st_size == size
        for name, size in sizes.items()
    )


def _step(checkpoint: Path) -> int:
    number = checkpoint.name.rpartition("-")[2]
    return int(number) if number.isdecimal() else -1
