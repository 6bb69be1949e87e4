"""The property of every text function: CPU time that grows with the length of its text, no faster.

A function is registered as a ``TextFunction`` with the largest text that can reach it, and
``assert_linear`` tries it with texts made to be hard: no wall clock, so a busy machine passes too.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, count

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

#: A text of twice the length may take so many times the CPU: linear is 2, quadratic is 4.
MAX_GROWTH = 3.0
#: Below this a doubling measures the interpreter, not the text.
NEGLIGIBLE_S = 0.002
#: The reference work takes longer on any machine.
CERTAINLY_SHORT_S = 0.008
#: Measurements until a text counts as slow: the minimum of many is free of other work's noise.
ROUNDS = 6
#: The reference work takes 25 ms of a core of 2024. No text may hold the event loop for longer:
#: 20 ms, and a quarter for what a busy machine does to its caches.
REFERENCE_STEPS = 900_000

#: Parts in a row before a shuffled text repeats itself.
_SHUFFLED_PARTS = 4096

#: What makes Unicode, Markdown and pattern matching slow.
UNITS = (
    "\u0301",  # combining marks of one class, and of two in the wrong order
    "\u0301\u0323",
    "a\u0301",
    "\u0344",  # marks that become two, and one that is none by itself
    "\u0f73",
    "\u3099",
    "\u1112\u1161\u11ab",  # Hangul as macOS types it, and its parts alone
    "\u1112",
    "\u1161",
    "\u11ab",
    "각",
    "👩\u200d",
    "\u200d",
    "\ufe0f",
    "🇰🇷",
    "\U0001f1f0",
    "\U0001f3fb",
    "[",
    "](",
    "![",
    "[a](b)",
    "(",
    ")",
    "<",
    "<a",
    "&lt;@",
    "|",
    "|a",
    "|-",
    "`",
    "``a`",
    "```\n",
    "*",
    "**a",
    "_",
    "~",
    "~~a",
    "\\",
    ">",
    "- ",
    "1. ",
    "#",
    " ",
    "\t",
    "\n",
    "\r\n",
    " \n",
    "\u3000",
    "0",
    "01",
    "1-",
    "010-",
    "a@",
    ".",
    ".a",
    ". ",
    "다 ",
    "!”",
    "가",
    "a",
    "\x00",
    "\ud800",
    "\U0001d15e",
)


@dataclass(frozen=True, slots=True)
class TextFunction:
    """A function whose CPU time must be linear in the length of its text."""

    name: str
    call: Callable[[str], object]
    max_size: int  #: of the largest text that can reach it
    in_bytes: bool = False  #: the size is that of a request's body, in UTF-8; else in code points

    def sized(self, hard: HardText, size: int) -> str:
        """The hard text with this size."""
        text = hard.of_length(size)
        if not self.in_bytes:
            return text
        return text.encode("utf-8", "surrogatepass")[:size].decode("utf-8", "ignore")

    def __str__(self) -> str:
        return self.name


class Shape(StrEnum):
    """How a hard text is made of its parts."""

    REPEATED = "repeated"  #: one after the other
    LED = "led"  #: the first once, then the others
    CLOSED = "closed"  #: the first many times, then the last once
    HALVES = "halves"  #: the first many times, then the last as often, as in ((( )))
    RUNS = "runs"  #: runs of the first that grow, the last between them
    SHUFFLED = "shuffled"


@dataclass(frozen=True, slots=True)
class HardText:
    """A text of any length, made of a few parts."""

    shape: Shape
    parts: tuple[str, ...]

    def of_length(self, length: int) -> str:
        """The text with ``length`` code points."""
        first, last, whole = self.parts[0], self.parts[-1], "".join(self.parts)
        match self.shape:
            case Shape.REPEATED:
                text = _repeated(whole, length)
            case Shape.LED:
                text = first + _repeated("".join(self.parts[1:]) or first, length)
            case Shape.CLOSED:
                text = _repeated(first, length - len(last)) + last
            case Shape.HALVES:
                text = _repeated(first, length // 2) + _repeated(last, length - length // 2)
            case Shape.RUNS:
                text = _growing_runs(first, last, length)
            case Shape.SHUFFLED:
                block = random.Random(len(whole)).choices(self.parts, k=_SHUFFLED_PARTS)
                text = _repeated("".join(block), length)
        return text[:length]


def _repeated(part: str, length: int) -> str:
    return (part * (length // len(part) + 1))[: max(length, 0)]


def _growing_runs(part: str, between: str, length: int) -> str:
    runs, made = [], 0
    for times in count(1):
        runs.append(part * times + between)
        made += len(runs[-1])
        if made >= length:
            break
    return "".join(runs)


hard_texts = st.builds(
    HardText,
    st.sampled_from(Shape),
    st.lists(st.sampled_from(UNITS), min_size=1, max_size=4).map(tuple),
)

#: Tried always: every unit repeated, and in growing runs.
KNOWN = tuple(
    chain.from_iterable(
        (
            HardText(Shape.REPEATED, (unit,)),
            HardText(Shape.RUNS, (unit, "a")),
        )
        for unit in UNITS
    )
)


def assert_linear(function: TextFunction, *, examples: int = 12) -> None:
    """Raise AssertionError for a text whose doubling costs more than twice the CPU.

    The doubling ends at the function's largest text, where it also may not take longer than the
    reference work.
    """

    @settings(max_examples=examples, database=None, phases=(Phase.generate,), deadline=None)
    @given(hard_texts)
    def anything(text: HardText) -> None:
        _check(function, text)

    for known in KNOWN:
        _check(function, known)
    anything()


def _check(function: TextFunction, hard: HardText) -> None:
    whole = function.sized(hard, function.max_size)
    if _cpu_s(function.call, whole) < NEGLIGIBLE_S:
        return
    texts = (*(function.sized(hard, function.max_size // part) for part in (4, 2)), whole)
    best_s = [float("inf")] * len(texts)
    for _ in range(ROUNDS):
        best_s = [min(s, _cpu_s(function.call, t)) for s, t in zip(best_s, texts, strict=True)]
        if _is_linear(*best_s) and _is_short(best_s[-1]):
            return
    shown = ", ".join(
        f"{s * 1000:.1f} ms for {len(t):,}" for s, t in zip(best_s, texts, strict=True)
    )
    raise AssertionError(
        f"{function.name}: CPU of {shown} characters of {hard}; "
        f"the reference work takes {_cpu_s(_reference_work, '') * 1000:.1f} ms"
    )


def _is_short(whole_s: float) -> bool:
    return whole_s < CERTAINLY_SHORT_S or whole_s <= _cpu_s(_reference_work, "")


def _is_linear(quarter_s: float, half_s: float, whole_s: float) -> bool:
    # One doubling may leave a cache or cost new memory pages; two in a row do not.
    return whole_s <= MAX_GROWTH * half_s or whole_s <= MAX_GROWTH**2 * quarter_s


def _cpu_s(call: Callable[[str], object], text: str) -> float:
    began = time.thread_time()
    call(text)
    return time.thread_time() - began


def _reference_work(_: str) -> int:
    total = 0
    for step in range(REFERENCE_STEPS):
        total += step & 7
    return total
