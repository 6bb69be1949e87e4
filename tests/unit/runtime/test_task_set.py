"""Tasks that nobody awaits one by one."""

from __future__ import annotations

import asyncio
import gc

import pytest
from structlog.testing import capture_logs

from runtime.tasks import TaskSet


async def broken() -> None:
    raise ValueError("broken")


async def test_an_error_is_logged_with_the_name_of_its_task() -> None:
    tasks = TaskSet()
    with capture_logs() as lines:
        task = tasks.start(broken(), name="job 7")
        await asyncio.wait([task])
        await tasks.wait()
    assert [(line["event"], line["task"]) for line in lines] == [("task_failed", "job 7")]
    assert len(tasks) == 0


async def test_tasks_are_kept_alive_until_they_are_done() -> None:
    tasks, event = TaskSet(), asyncio.Event()
    done: list[bool] = []

    async def work() -> None:
        await event.wait()
        done.append(True)

    tasks.start(work())
    await asyncio.sleep(0)
    gc.collect()
    assert len(tasks) == 1
    event.set()
    await tasks.wait()
    assert done == [True]


async def test_cancelling_ends_all_tasks() -> None:
    tasks = TaskSet()
    task = tasks.start(asyncio.Event().wait())
    await tasks.cancel()
    assert task.cancelled()
    with pytest.raises(asyncio.CancelledError):
        task.result()
