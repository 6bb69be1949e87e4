"""What `make run` gave its bot, where it runs on this machine: onebox writes it to a file."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path

from bot.doctor.names import is_set
from bot.domain.findings import Verdict

#: Written by onebox while it runs, mode 0600: settings of its bot by the variable's name.
FILE = "onebox.json"
LOCK = "onebox.lock"


def take_over_settings(data_dir: Path, write: Callable[[str], object]) -> None:
    """Examine what `make run` runs here: its settings stand in for those that nobody set."""
    found = {name: value for name, value in running_settings(data_dir).items() if not is_set(name)}
    if found:
        os.environ.update(found)
        sentence = "`make run` runs here: its servers, its worker and its secrets are examined."
        write(f"{Verdict.OK:>5}  {sentence}\n")


def running_settings(data_dir: Path) -> dict[str, str]:
    """The settings of the bot that `make run` runs on this data directory; empty if it does not."""
    if not _is_locked(data_dir / LOCK):
        return {}
    try:
        document = json.loads((data_dir / FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(document, dict):
        return {}
    return {str(name): str(value) for name, value in document.items()}


def _is_locked(path: Path) -> bool:
    try:
        with path.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
