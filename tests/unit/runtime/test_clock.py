"""One clock runs each job when it is due or ordered, and never twice at once."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from structlog.testing import capture_logs

from runtime.clock import LOOK_EVERY_S, RETRY_S, UNASKED_EVERY_S, Clock, PeriodicJob


class Work:
    """Jobs that count their runs, a clock moved by hand, and what is ordered."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.runs: Counter[str] = Counter()
        self.ordered: set[str] = set()
        self.looks = 0
        self.hold = asyncio.Event()
        self.hold.set()

    def job(self, name: str, every_s: float, *, on_order: bool = False) -> PeriodicJob:
        async def run() -> None:
            self.runs[name] += 1
            await self.hold.wait()

        return PeriodicJob(name=name, run=run, every_s=every_s, on_order=on_order)

    async def orders(self) -> set[str]:
        self.looks += 1
        return self.ordered

    def clock(self, *jobs: PeriodicJob) -> Clock:
        return Clock(jobs, self.orders, now=lambda: self.now_s)


async def settle() -> None:
    """Let tasks that were started run."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_job_runs_at_the_start_and_once_a_period() -> None:
    work = Work()
    clock = work.clock(work.job("count", 10.0))
    for moment, runs in ((0.0, 1), (8.9, 1), (10.0, 2), (18.9, 2), (20.0, 3)):
        work.now_s = moment
        clock._start_due()
        await settle()
        assert work.runs["count"] == runs, moment


async def test_a_long_run_is_not_begun_again_and_delays_no_other() -> None:
    work = Work()
    clock = work.clock(work.job("long", 1.0), work.job("other", 1.0))
    work.hold.clear()
    clock._start_due()
    await settle()
    work.now_s = 5.0
    clock._start_due()
    await settle()
    assert work.runs == {"long": 1, "other": 1}
    work.hold.set()
    await settle()
    clock._start_due()  # not yet due again
    work.now_s = 10.0
    clock._start_due()
    await settle()
    assert work.runs == {"long": 2, "other": 2}


async def test_an_ordered_job_runs_where_it_is_asked_for() -> None:
    work = Work()
    clock = work.clock(
        work.job("exports", 2.0, on_order=True), work.job("replays", 1.0, on_order=True)
    )
    await clock.look()
    assert work.runs == {}
    work.ordered = {"exports", "of a newer version"}
    await clock.look()
    await settle()
    assert work.runs == {"exports": 1}


async def test_looks_are_as_quick_as_what_is_asked_for() -> None:
    work = Work()
    clock = work.clock(work.job("replays", 1.0, on_order=True))
    await clock.look()
    assert 0.9 * LOOK_EVERY_S <= clock._look_at <= LOOK_EVERY_S
    work.ordered = {"replays"}
    await clock.look()
    assert 0.9 <= clock._look_at <= 1.0


async def test_an_ordered_job_runs_unasked_too_but_rarely() -> None:
    work = Work()
    clock = work.clock(work.job("exports", 2.0, on_order=True))
    for moment, runs in ((0.0, 1), (UNASKED_EVERY_S * 0.89, 1), (UNASKED_EVERY_S, 2)):
        work.now_s = moment
        clock._start_due()
        await settle()
        assert work.runs["exports"] == runs, moment


@pytest.mark.parametrize("error", [ValueError("bad"), OSError("gone")])
async def test_a_job_that_breaks_runs_again(error: Exception) -> None:
    runs = 0

    async def run() -> None:
        nonlocal runs
        runs += 1
        raise error

    work = Work()
    clock = work.clock(PeriodicJob(name="breaks", run=run, every_s=1.0))
    with capture_logs() as lines:
        for moment in (0.0, 1.0):
            work.now_s = moment
            clock._start_due()
            await settle()
    assert runs == 2
    assert lines


async def test_the_end_of_the_clock_is_the_end_of_its_jobs() -> None:
    ended: list[str] = []

    async def run() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("job")

    work = Work()
    ticking = asyncio.create_task(
        work.clock(PeriodicJob(name="long", run=run, every_s=1.0)).keep_running()
    )
    await settle()
    ticking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ticking
    assert ended == ["job"]


async def test_names_are_unique() -> None:
    work = Work()
    with pytest.raises(ValueError, match="one name"):
        work.clock(work.job("a", 1.0), work.job("a", 2.0))


async def test_an_error_that_stays_is_logged_once_until_a_run_succeeds() -> None:
    work = Work()
    broken = True

    async def run() -> None:
        if broken:
            raise OSError("gone")

    clock = work.clock(PeriodicJob(name="breaks", run=run, every_s=1.0))

    async def round_at(moment: float) -> int:
        work.now_s = moment
        with capture_logs() as lines:
            clock._start_due()
            await settle()
        return len(lines)

    assert [await round_at(moment) for moment in (0.0, 2.0, 4.0)] == [1, 0, 0]
    broken = False
    await round_at(6.0)
    broken = True
    assert await round_at(8.0) == 1


@pytest.mark.parametrize("error", [ValueError("bad"), OSError("gone")])
async def test_a_daily_job_that_fails_is_tried_again_soon(error: Exception) -> None:
    work = Work()
    runs = 0

    async def run() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise error

    clock = work.clock(PeriodicJob(name="daily", run=run, every_s=86_400.0))
    for moment, expected in ((0.0, 1), (0.8 * RETRY_S, 1), (RETRY_S, 2), (3 * RETRY_S, 2)):
        work.now_s = moment
        clock._start_due()
        await settle()
        assert runs == expected, moment


async def test_a_look_that_hangs_holds_up_no_job_that_is_due() -> None:
    work = Work()
    looked = asyncio.Event()

    async def hang() -> set[str]:
        looked.set()
        await asyncio.Event().wait()
        return set()

    job = work.job("count", 10.0)
    clock = Clock([job], hang, now=lambda: work.now_s)
    ticking = asyncio.create_task(clock.keep_running())
    await settle()
    work.now_s = LOOK_EVERY_S
    clock.wake()
    async with asyncio.timeout(10):
        await looked.wait()
    work.now_s = 10.0
    clock.wake()
    await settle()
    assert work.runs["count"] == 2
    ticking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ticking


async def test_what_a_look_finds_shortens_the_pause_that_goes_on() -> None:
    """The clock waits for its next job meanwhile."""
    work = Work()
    work.ordered = {"replays"}
    clock = work.clock(work.job("replays", 0.0, on_order=True))
    ticking = asyncio.create_task(clock.keep_running())
    await settle()
    work.now_s = LOOK_EVERY_S
    clock.wake()
    async with asyncio.timeout(10):
        while work.looks < 3:
            await asyncio.sleep(0)
    ticking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ticking
