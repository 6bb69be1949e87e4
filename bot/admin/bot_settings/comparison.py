"""Two sets of values side by side: what differs, line by line and word by word."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.admin.bot_settings.fields import value_words
from bot.admin.bot_settings.words import GROUPS, KEYS_IN_WORDS
from bot.admin.web.language import translate as _
from bot.configs.text_diff import Line, Side, Steps, diff_texts
from bot.configs.versions import changed_keys
from bot.privacy.masking import mask

#: Shown of one setting: a prompt may have ten thousand lines.
MAX_LINES = 200
#: Shown above a form with a text of MAX_TYPED_PROMPT_CHARS, so that the page stays below 60 kB.
MAX_CHARS_BESIDE_FORM = 6_000
_MAX_LINE_CHARS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One setting with different values."""

    key: str
    label: str
    lines: list[Line]
    left_out: int  #: lines behind those


def masked_values(values: Any) -> Any:
    """Settings for those who may not edit them: each text is masked, which takes time."""
    if not isinstance(values, dict):
        return values
    return {key: mask(one) if isinstance(one, str) else one for key, one in values.items()}


async def compare_values(
    before: Mapping[str, Any], after: Mapping[str, Any], keys: Iterable[str] | None = None
) -> list[Difference]:
    """The settings that differ, in the form's order; off the event loop, for they may be long.

    ``keys``: only these.
    """
    wanted = set(changed_keys(before, after))
    if keys is not None:
        wanted &= set(keys)
    return await asyncio.to_thread(_compare, before, after, wanted)


def shortened(differences: Sequence[Difference], room: int) -> list[Difference]:
    """As much as ``room`` characters show; the lines behind that count as left out."""
    found = []
    for difference in differences:
        lines: list[Line] = []
        for line in difference.lines:
            if room <= 0:
                break
            lines.append(_cut(line))
            room -= sum(len(part.text) for part in lines[-1].parts)
        left_out = difference.left_out + len(difference.lines) - len(lines)
        found.append(replace(difference, lines=lines, left_out=left_out))
    return found


def _cut(line: Line) -> Line:
    room, parts = _MAX_LINE_CHARS, []
    for part in line.parts:
        text = part.text if len(part.text) <= room else f"{part.text[:room]}…"
        parts.append(replace(part, text=text))
        room -= len(part.text)
        if room <= 0:
            break
    return replace(line, parts=tuple(parts))


def _compare(
    before: Mapping[str, Any], after: Mapping[str, Any], keys: set[str]
) -> list[Difference]:
    steps = Steps()
    ordered = [key for group in GROUPS for key in group.keys if key in keys]
    unknown = sorted(keys - set(ordered))  # keys of a newer version of the program
    return [_difference(key, before, after, steps) for key in [*ordered, *unknown]]


def _difference(
    key: str, before: Mapping[str, Any], after: Mapping[str, Any], steps: Steps
) -> Difference:
    old, new = (value_words(key, values.get(key)) for values in (before, after))
    lines = diff_texts(old, new, steps)
    # Where nothing was set there is no line, not an empty one.
    lines = [line for line in lines if line.parts or line.side is not _empty_side(old, new)]
    label = _(KEYS_IN_WORDS[key].label) if key in KEYS_IN_WORDS else key
    left_out = max(len(lines) - MAX_LINES, 0)
    return Difference(key=key, label=label, lines=lines[:MAX_LINES], left_out=left_out)


def _empty_side(old: str, new: str) -> Side | None:
    if not old:
        return Side.OLD
    return None if new else Side.NEW
