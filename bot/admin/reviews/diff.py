"""What was changed in an answer: words, and of a changed word only the part that differs.

Korean particles and endings hang on their words: of 환불은 and 환불이 only 은 and 이 differ.
Myers, E. (1986). An O(ND) difference algorithm and its variations. Algorithmica 1, 251-266.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

#: Words inserted and deleted that are looked for; two texts that differ in more are shown as a
#: whole. So the work is linear in the texts.
MAX_EDITS = 150
#: Around a change, where a comparison is too long to be shown whole.
SAME_CHARS = 60

_WORDS = re.compile(r"\s+|\S+")


class Change(StrEnum):
    """What became of a part of the text."""

    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"


@dataclass(frozen=True, slots=True)
class Part:
    """A run of the text."""

    change: Change
    text: str


def changes(before: str, after: str) -> list[Part]:
    """The parts of both texts, in reading order; neighbours differ in their change."""
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    first = _common(old, new)
    last = _common(old[first:][::-1], new[first:][::-1])
    middle = _middle(old[first : len(old) - last], new[first : len(new) - last])
    parts = [
        Part(Change.SAME, "".join(old[:first])),
        *middle,
        Part(Change.SAME, "".join(old[len(old) - last :])),
    ]
    runs = _joined(list(_without_islands(_joined(parts))))
    return _joined(list(_refined(runs)))


def shortened(parts: Sequence[Part], room: int) -> list[Part]:
    """What ``room`` characters show: where there are more, first what is the same is cut."""
    if sum(len(part.text) for part in parts) <= room:
        return list(parts)
    found: list[Part] = []
    share = room // 2  # what was removed leaves room for what was added
    for part in parts:
        most = min(room, 2 * SAME_CHARS if part.change is Change.SAME else share)
        if most <= 0:
            break
        found.append(Part(part.change, _cut(part.text, most)))
        room -= min(len(part.text), most)
    return found


def _cut(text: str, most: int) -> str:
    """The beginning and the end of a text that is longer than ``most`` characters."""
    head = most // 2
    return text if len(text) <= most else f"{text[:head]} … {text[len(text) - (most - head) :]}"


def _middle(old: Sequence[str], new: Sequence[str]) -> list[Part]:
    """The changes of two sequences that begin and end differently."""
    trace = _trace(old, new)
    if trace is None:
        return [Part(Change.REMOVED, "".join(old)), Part(Change.ADDED, "".join(new))]
    return list(_walk_back(trace, old, new))[::-1]


def _trace(old: Sequence[str], new: Sequence[str]) -> list[dict[int, int]] | None:
    """For each number of edits, how far each diagonal gets; None: there are too many edits."""
    reached = {1: 0}
    trace: list[dict[int, int]] = []
    width, height = len(old), len(new)
    for edits in range(MAX_EDITS + 1):
        trace.append(dict(reached))
        for diagonal in range(-edits, edits + 1, 2):
            x = _step(reached, diagonal, edits)
            while x < width and x - diagonal < height and old[x] == new[x - diagonal]:
                x += 1
            reached[diagonal] = x
            if x >= width and x - diagonal >= height:
                return trace
    return None


def _step(reached: dict[int, int], diagonal: int, edits: int) -> int:
    """Where a diagonal begins after one more edit; an added word leaves x as it is."""
    left, right = reached.get(diagonal - 1, -1), reached.get(diagonal + 1, -1)
    if diagonal == -edits or (diagonal != edits and left < right):
        return right
    return left + 1


def _walk_back(
    trace: Sequence[dict[int, int]], old: Sequence[str], new: Sequence[str]
) -> Iterator[Part]:
    """The words from the last to the first."""
    x, y = len(old), len(new)
    for edits in range(len(trace) - 1, -1, -1):
        reached = trace[edits]
        diagonal = x - y
        begin = _step(reached, diagonal, edits)
        while x > begin and x > 0 and y > 0:
            x, y = x - 1, y - 1
            yield Part(Change.SAME, old[x])
        if not edits:
            break
        left, right = reached.get(diagonal - 1, -1), reached.get(diagonal + 1, -1)
        if diagonal == -edits or (diagonal != edits and left < right):
            y -= 1
            yield Part(Change.ADDED, new[y])
        else:
            x -= 1
            yield Part(Change.REMOVED, old[x])


def _joined(parts: Sequence[Part]) -> list[Part]:
    """Runs of one change; of what was replaced, the removed words before the added ones."""
    found: list[Part] = []
    for changed, run in groupby(parts, key=lambda part: part.change is not Change.SAME):
        several = list(run)
        for change in (Change.REMOVED, Change.ADDED) if changed else (Change.SAME,):
            text = "".join(part.text for part in several if part.change is change)
            found += [Part(change, text)] if text else []
    return found


def _without_islands(parts: Sequence[Part]) -> Iterator[Part]:
    """A blank between two changed words has changed with them: so a rewritten line reads as one."""
    for place, part in enumerate(parts):
        if part.change is Change.SAME and part.text.isspace() and 0 < place < len(parts) - 1:
            yield Part(Change.REMOVED, part.text)
            yield Part(Change.ADDED, part.text)
        else:
            yield part


def _refined(parts: Sequence[Part]) -> Iterator[Part]:
    """What replaced words begin and end with in common is the same."""
    at = 0
    while at < len(parts):
        part = parts[at]
        pair = parts[at : at + 2]
        if [one.change for one in pair] != [Change.REMOVED, Change.ADDED]:
            yield part
            at += 1
            continue
        yield from _refined_pair(pair[0].text, pair[1].text)
        at += 2


def _refined_pair(removed: str, added: str) -> Iterator[Part]:
    first = _common(removed, added)
    last = _common(removed[first:][::-1], added[first:][::-1])
    yield Part(Change.SAME, removed[:first])
    yield Part(Change.REMOVED, removed[first : len(removed) - last])
    yield Part(Change.ADDED, added[first : len(added) - last])
    yield Part(Change.SAME, removed[len(removed) - last :])


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many elements both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))
