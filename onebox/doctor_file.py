"""What this run gave its bot, for ``python -m bot doctor`` beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bot.doctor.local_run import FILE
from onebox.data_dir import os_errors_as_cannot_start


@contextmanager
def told_to_the_doctor(data_dir: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Keep the settings that nobody else knows in a file, mode 0600, while the body runs.

    What somebody set is left out: the doctor reads it where it was set.
    """
    path = data_dir / FILE
    made = {
        name: value
        for name, value in environment.items()
        if name.startswith("BOT_") and os.environ.get(name) != value
    }
    with os_errors_as_cannot_start(data_dir):
        _write(path, made)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _write(path: Path, made: dict[str, str]) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as output:
        json.dump(made, output, indent=2)
