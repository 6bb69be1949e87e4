"""The steps of a turn on one scale, as bars.

A bar is a rectangle of an SVG that the page stretches: its attributes are no style, which the
policy of the pages forbids. Each bar stands in a row of a table that tells the same in numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

#: Units from the first moment to the last.
WIDTH = 1_000
#: The width of a moment, and of what is too short to be seen.
MIN_WIDTH = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A worker's claim of the job."""

    worker: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """An attempt to deliver."""

    via: str
    state: str
    claimed_at: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """What is known of a turn's times."""

    received_at: datetime
    queued_at: datetime | None = None
    started_at: datetime | None = None  #: the first claim of its job
    first_token_ms: float | None = None  #: since the last claim
    total_ms: float | None = None  #: since the last claim
    settled_at: datetime | None = None
    delivered_at: datetime | None = None
    awaits_delivery: bool = False
    runs: Sequence[Run] = ()
    sendings: Sequence[Sending] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step with its times; ``end`` None: it goes on."""

    kind: str  #: wait, queue, run, read, write, settle, rest, send, delivered
    start: datetime
    end: datetime | None
    run: Run | None = None
    sending: Sending | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A step on the scale."""

    step: Step
    x: int
    width: int
    start_ms: float  #: since the receipt
    length_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """All steps, in the order of their beginning."""

    bars: Sequence[Bar]
    total_ms: float


def draw(moments: Moments, now: datetime) -> Timeline:
    """The steps to scale; one that goes on ends at ``now``."""
    steps = list(_steps(moments))
    ends = [step.end or now for step in steps]
    last = max([*ends, moments.received_at])
    total = max((last - moments.received_at).total_seconds() * 1_000, 1.0)
    bars = [
        _bar(step, end, moments.received_at, total) for step, end in zip(steps, ends, strict=True)
    ]
    return Timeline(bars=bars, total_ms=total)


def _steps(moments: Moments) -> Iterator[Step]:
    started = moments.runs[0].at if moments.runs else moments.started_at
    settled = moments.settled_at
    yield Step(kind="wait", start=moments.received_at, end=moments.queued_at or settled)
    if moments.queued_at:
        yield Step(kind="queue", start=moments.queued_at, end=started or settled)
    if started:
        yield from _writing(moments, started)
    yield from _sending(moments)


def _sending(moments: Moments) -> Iterator[Step]:
    """The rest between the result and the first attempt, all attempts, and the delivery."""
    begun = moments.sendings[0].claimed_at if moments.sendings else moments.delivered_at
    if moments.settled_at and (moments.awaits_delivery or begun):
        # A first part may have been shown before the answer was whole.
        start = min(moments.settled_at, begun) if begun else moments.settled_at
        yield Step(kind="rest", start=start, end=begun)
    for sending in moments.sendings:
        start, end = sending.claimed_at, sending.recorded_at
        yield Step(kind="send", start=start, end=end, sending=sending)
    if moments.delivered_at:
        yield Step(kind="delivered", start=moments.delivered_at, end=moments.delivered_at)


def _writing(moments: Moments, started: datetime) -> Iterator[Step]:
    """The runs of the job; of the last one the reading of the prompt and the writing, too."""
    runs = moments.runs or [Run(worker="", at=started)]
    written = _after(runs[-1].at, moments.total_ms)
    ends = [*(run.at for run in runs[1:]), written or moments.settled_at]
    for run, end in zip(runs, ends, strict=True):
        yield Step(kind="run", start=run.at, end=end, run=run)
    first_token = _after(runs[-1].at, moments.first_token_ms)
    if first_token:
        yield Step(kind="read", start=runs[-1].at, end=first_token)
        yield Step(kind="write", start=first_token, end=written or moments.settled_at)
    if written and moments.settled_at:
        yield Step(kind="settle", start=written, end=moments.settled_at)


def _after(moment: datetime, milliseconds: float | None) -> datetime | None:
    return None if milliseconds is None else moment + timedelta(milliseconds=milliseconds)


def _bar(step: Step, end: datetime, zero: datetime, total_ms: float) -> Bar:
    """The clocks of the bot, the worker and Postgres differ a little: nothing ends before it."""
    start_ms = max((step.start - zero).total_seconds() * 1_000, 0.0)
    length_ms = max((end - zero).total_seconds() * 1_000 - start_ms, 0.0)
    width = max(round(length_ms / total_ms * WIDTH), MIN_WIDTH)
    x = min(round(start_ms / total_ms * WIDTH), WIDTH - MIN_WIDTH)
    return Bar(step=step, x=x, width=min(width, WIDTH - x), start_ms=start_ms, length_ms=length_ms)
