"""What changed between two texts: line by line, and word by word within a changed line.

The edit script is Myers' (An O(ND) Difference Algorithm, 1986), ended after a number of steps:
what is left by then counts as replaced whole, so that no pair of texts takes long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

#: Of one comparison: some 20 ms.
MAX_STEPS = 60_000
#: Unchanged lines shown around a change.
CONTEXT_LINES = 2
#: Words, spaces, and single other characters.
_TOKENS = re.compile(r"\w+|[^\S\n]+|\n|.")


class Side(StrEnum):
    """Where a line stands."""

    BOTH = "both"
    OLD = "old"
    NEW = "new"
    GAP = "gap"  #: unchanged lines that are left out


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a line; ``changed``: it stands in this text alone."""

    text: str
    changed: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the comparison. Of a gap, ``left_out`` is the number of lines."""

    side: Side
    parts: tuple[Part, ...] = ()
    left_out: int = 0


@dataclass(slots=True)
class Steps:
    """The steps that are left to a comparison."""

    left: int = MAX_STEPS


@dataclass(frozen=True, slots=True)
class Hunk:
    """Ranges of both sequences: the same items, or items in place of others."""

    equal: bool
    old: tuple[int, int]
    new: tuple[int, int]


def diff_texts(old: str, new: str, steps: Steps | None = None) -> list[Line]:
    """The lines of both texts in order; long unchanged stretches are gaps."""
    steps = steps or Steps()
    before, after = old.split("\n"), new.split("\n")
    lines: list[Line] = []
    for hunk in hunks(before, after, steps):
        gone, come = before[slice(*hunk.old)], after[slice(*hunk.new)]
        if hunk.equal:
            is_last = hunk.old[1] == len(before)
            lines += _with_gap(gone, is_first=not lines, is_last=is_last)
        else:
            lines += _replaced(gone, come, steps)
    return lines


def hunks(old: Sequence[str], new: Sequence[str], steps: Steps) -> list[Hunk]:
    """The sequences as alternating equal and replaced ranges, which cover both."""
    start, old_end, new_end = _trimmed(old, new)
    ranges = [Hunk(True, (0, start), (0, start))]
    i, j = start, start
    for run_i, run_j, length in _equal_runs(old[start:old_end], new[start:new_end], steps):
        first_i, first_j = start + run_i, start + run_j
        ranges.append(Hunk(False, (i, first_i), (j, first_j)))
        i, j = first_i + length, first_j + length
        ranges.append(Hunk(True, (first_i, i), (first_j, j)))
    ranges.append(Hunk(False, (i, old_end), (j, new_end)))
    ranges.append(Hunk(True, (old_end, len(old)), (new_end, len(new))))
    return [one for one in ranges if one.old[0] < one.old[1] or one.new[0] < one.new[1]]


def _trimmed(old: Sequence[str], new: Sequence[str]) -> tuple[int, int, int]:
    """The end of the common beginning, and where the common end begins in both."""
    shorter = min(len(old), len(new))
    start = 0
    while start < shorter and old[start] == new[start]:
        start += 1
    same = 0
    while same < shorter - start and old[-1 - same] == new[-1 - same]:
        same += 1
    return start, len(old) - same, len(new) - same


def _equal_runs(
    old: Sequence[str], new: Sequence[str], steps: Steps
) -> Iterator[tuple[int, int, int]]:
    """The equal runs of a shortest edit script: position in both, length. None without steps."""
    trace = _trace(old, new, steps)
    runs: list[tuple[int, int, int]] = []
    x, y = len(old), len(new)
    for edits in range(len(trace) - 1, -1, -1):
        furthest, diagonal = trace[edits], x - y
        down = diagonal == -edits or (
            diagonal != edits and furthest.get(diagonal - 1, -1) < furthest.get(diagonal + 1, -1)
        )
        previous = diagonal + 1 if down else diagonal - 1
        from_x = furthest.get(previous, 0) if edits else 0
        from_y = from_x - previous if edits else 0
        begin_x = (from_x if down else from_x + 1) if edits else 0
        if x > begin_x:
            runs.append((begin_x, begin_x - diagonal, x - begin_x))
        x, y = from_x, from_y
    return reversed(runs)


def _trace(old: Sequence[str], new: Sequence[str], steps: Steps) -> list[dict[int, int]]:
    """The furthest x by diagonal before each number of edits; empty where the steps ran out."""
    furthest: dict[int, int] = {1: 0}
    trace: list[dict[int, int]] = []
    for edits in range(len(old) + len(new) + 1):
        trace.append(dict(furthest))
        steps.left -= edits + 1
        if steps.left < 0:
            return []
        for diagonal in range(-edits, edits + 1, 2):
            down = diagonal == -edits or (
                diagonal != edits
                and furthest.get(diagonal - 1, -1) < furthest.get(diagonal + 1, -1)
            )
            x = furthest[diagonal + 1] if down else furthest[diagonal - 1] + 1
            y = x - diagonal
            while x < len(old) and y < len(new) and old[x] == new[y]:
                x, y = x + 1, y + 1
            furthest[diagonal] = x
            if x >= len(old) and y >= len(new):
                return trace
    return trace


def _with_gap(lines: Sequence[str], *, is_first: bool, is_last: bool) -> Iterator[Line]:
    """Unchanged lines; the middle of many is left out."""
    head = 0 if is_first else CONTEXT_LINES
    tail = 0 if is_last else CONTEXT_LINES
    left_out = len(lines) - head - tail
    if left_out <= 1:
        yield from (Line(Side.BOTH, (Part(line, changed=False),)) for line in lines)
        return
    yield from (Line(Side.BOTH, (Part(line, changed=False),)) for line in lines[:head])
    yield Line(Side.GAP, left_out=left_out)
    yield from (Line(Side.BOTH, (Part(line, changed=False),)) for line in lines[head + left_out :])


def _replaced(gone: Sequence[str], come: Sequence[str], steps: Steps) -> Iterator[Line]:
    """Lines in place of others, with the words that differ."""
    before, after = _tokens(gone), _tokens(come)
    found = hunks(before, after, steps)
    old = [Part("".join(before[slice(*one.old)]), not one.equal) for one in found]
    new = [Part("".join(after[slice(*one.new)]), not one.equal) for one in found]
    for side, lines, parts in ((Side.OLD, gone, old), (Side.NEW, come, new)):
        if lines:
            yield from (Line(side, line) for line in _as_lines(parts))


def _tokens(lines: Sequence[str]) -> list[str]:
    return _TOKENS.findall("\n".join(lines))


def _as_lines(parts: Sequence[Part]) -> Iterator[tuple[Part, ...]]:
    """The parts cut at their line ends."""
    line: list[Part] = []
    for part in parts:
        first, *more = part.text.split("\n")
        line.append(Part(first, part.changed))
        for text in more:
            yield tuple(one for one in line if one.text)
            line = [Part(text, part.changed)]
    yield tuple(one for one in line if one.text)
