"""What a program's log says, in a form for the terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from onebox.data_dir import tail

MAX_CHARS = 300
#: The fields of a log line that hold a sentence, the most telling one first.
_FIELDS = ("error", "progress", "detail", "reason", "event")


def last_sentence(log: Path) -> str:
    """The last line of a log, for people; "(none)" without one."""
    return sentence((tail(log) or ["(none)"])[-1])


def sentence(line: str) -> str:
    """A line of a log for people: the sentence of a JSON line, any other line as it is."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return line[:MAX_CHARS]
    return (_sentence(entry) if isinstance(entry, dict) else line)[:MAX_CHARS]


def _sentence(entry: dict[str, Any]) -> str:
    # A traceback's last line is the error itself.
    traceback = str(entry.get("exception") or "").strip()
    if traceback:
        return traceback.splitlines()[-1]
    return next((str(entry[name]) for name in _FIELDS if entry.get(name)), json.dumps(entry))
