"""Sentences for the terminal, each said once while it stays true."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

Say = Callable[[str], None]

#: Remembered sentences; the oldest is forgotten first.
MAX_SENTENCES = 256


class Announcements:
    """Says what is new since the last ``clear``: a state that comes and goes is said once."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._said: OrderedDict[str, None] = OrderedDict()

    def __call__(self, state: str, line: str = "") -> None:
        """Say ``line`` (default: the state itself) unless this state was said already."""
        if state in self._said:
            return
        self._said[state] = None
        if len(self._said) > MAX_SENTENCES:
            self._said.popitem(last=False)
        self._say(line or state)

    def clear(self) -> None:
        """Everything is news again."""
        self._said.clear()
