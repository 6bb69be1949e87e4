"""Ends an answer at the first control string, for servers that do not."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

from inference_worker.answer.families import LEAD_INS
from inference_worker.answer.partial import Beginnings

#: Shorter beginnings of a marker, such as "<" or "</", are ordinary at an answer's end.
MIN_HALF_MARKER = 3
#: Two characters that no ordinary text has before its end.
CONTROL_STARTS = ("<|", "[|", "<｜")
#: Also HTML's end of a struck passage: an end of turn only where no passage is open.
STRIKE_END, STRIKE_START = "</s>", "<s>"
#: Also the end of a channel: an end of turn only where the answer does not begin with one.
CHANNEL_END, CHANNEL_START = "<|end|>", "<|channel|>"


@functools.lru_cache(maxsize=64)
def _search(
    strings: frozenset[str], strikes: tuple[str, ...]
) -> tuple[re.Pattern[str], Beginnings]:
    """Finds the strings, and what may begin one: answers of a model search for the same ones."""
    # Longest first, should one begin with another.
    ordered = sorted(strings, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, ordered)) or "(?!)")
    return pattern, Beginnings((*ordered, *strikes))


class TurnEnd:
    """The text of a stream up to the first of ``markers`` (the model's) or ``stop`` (the job's).

    Text that may begin one of them is held back until the next chunk decides.
    """

    def __init__(self, markers: Sequence[str], stop: Sequence[str] = ()) -> None:
        self._markers = tuple(markers)
        self._stop = frozenset(stop)
        self._lead_ins = LEAD_INS if markers else ()
        self._knows_strikes = STRIKE_END in markers
        strikes = (STRIKE_START,) if self._knows_strikes else ()
        self._pattern, self._beginnings = _search(frozenset((*markers, *stop)), strikes)
        self._has_lead_in = False
        self._has_begun = False
        self._has_channels = False
        self._open_strikes = 0
        self._held = ""
        self.is_reached = False  #: the rest is not the answer's

    def push(self, text: str) -> str:
        """The text that has become certain."""
        if self.is_reached:
            return ""
        self._held += text
        if not (self._has_begun or self._skip_lead_ins()):
            return ""
        certain = ""
        while (found := self._pattern.search(self._held)) is not None:
            before = self._release(found.start())
            if self._is_end(found.group()):
                self.is_reached, self._held = True, ""
                return certain + before
            self._open_strikes -= 1
            certain += before + self._release(len(found.group()))
        return certain + self._release(len(self._held) - self._beginnings.length_at_end(self._held))

    def flush(self, *, is_cut: bool) -> str:
        """The held-back text once no more comes. ``is_cut``: by a limit, maybe inside a marker."""
        held, self._held = self._held, ""
        half = held.lstrip()
        if len(half) >= MIN_HALF_MARKER and (is_cut or half.startswith(CONTROL_STARTS)):
            starts = (*self._markers, *self._lead_ins)
            return "" if any(marker.startswith(half) for marker in starts) else held
        return held

    def _release(self, length: int) -> str:
        certain, self._held = self._held[:length], self._held[length:]
        if self._knows_strikes:
            self._open_strikes += certain.count(STRIKE_START)
        return certain

    def _skip_lead_ins(self) -> bool:
        """Drop repeated headers before the first word; False while more text has to decide."""
        text = self._held.lstrip()
        while lead_in := next((one for one in self._lead_ins if text.startswith(one)), ""):
            text, self._has_lead_in = text.removeprefix(lead_in).lstrip(), True
        if self._has_lead_in:
            self._held = text
        if not text or any(one.startswith(text) for one in self._lead_ins):
            return False
        self._has_begun, self._has_channels = True, text.startswith(CHANNEL_START)
        return True

    def _is_end(self, string: str) -> bool:
        if string in self._stop:
            return True
        is_channels = string == CHANNEL_END and self._has_channels
        return not is_channels and (string != STRIKE_END or self._open_strikes <= 0)
