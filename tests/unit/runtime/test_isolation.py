"""One bad item of a batch costs nobody else anything."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import exc

from runtime.isolation import MAX_CONSECUTIVE_TIMEOUTS, run_isolated


class Work:
    """Fails as a whole wherever a bad item is in the batch."""

    def __init__(self, bad: dict[int, Exception]) -> None:
        self.bad = bad
        self.done: list[int] = []
        self.faults: dict[int, Exception] = {}

    async def __call__(self, items: Sequence[int]) -> None:
        for item in items:
            if item in self.bad:
                raise self.bad[item]
        self.done += items

    async def on_fault(self, item: int, error: Exception) -> None:
        self.faults[item] = error

    async def run(self, items: Sequence[int]) -> None:
        await run_isolated(items, self, on_fault=self.on_fault, timeout_s=5)


def fault() -> Exception:
    return exc.IntegrityError("UPDATE", {}, Exception("a constraint"))


def outage() -> Exception:
    return ConnectionResetError()


@given(st.sets(st.integers(0, 30), min_size=1), st.data())
async def test_every_good_item_is_done_and_every_bad_one_reported(
    items: set[int], data: st.DataObject
) -> None:
    bad = data.draw(st.sets(st.sampled_from(sorted(items))))
    work = Work({item: fault() for item in bad})
    await work.run(sorted(items))
    assert sorted(work.done) == sorted(items - bad)
    assert set(work.faults) == bad


async def test_outage_is_raised_and_no_item_is_blamed() -> None:
    work = Work({1: outage()})
    with pytest.raises(ConnectionResetError):
        await work.run([1, 2, 3])
    assert not work.faults


async def test_row_that_hangs_alone_fails_alone() -> None:
    work = Work({2: TimeoutError()})
    await work.run([1, 2, 3])
    assert work.done == [1, 3]
    assert set(work.faults) == {2}


async def test_a_server_that_hangs_is_an_outage_soon() -> None:
    tried: list[int] = []

    async def hang(items: Sequence[int]) -> None:
        tried.append(len(items))
        await asyncio.Event().wait()

    work = Work({})
    with pytest.raises(TimeoutError):
        await run_isolated(list(range(50)), hang, on_fault=work.on_fault, timeout_s=0.01)
    assert tried == [50, *[1] * MAX_CONSECUTIVE_TIMEOUTS]
    assert not work.faults


async def test_empty_batch_runs_no_work() -> None:
    work = Work({})
    await work.run([])
    assert work.done == []
