"""The simulator's switch holds the worker's process up, and lets it go again."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

from bot.simulator.model_switch import ModelState, ModelSwitch
from onebox.model_switch import switchable
from onebox.supervisor import ProcessSpec, SupervisedProcess

LOOPS = "import time\nwhile True: time.sleep(0.01)"


async def running(tmp_path: Path) -> SupervisedProcess:
    log = tmp_path / "logs" / "worker.log"
    worker = SupervisedProcess(ProcessSpec(name="It", argv=[sys.executable, "-c", LOOPS], log=log))
    await worker.start()
    return worker


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.02)


async def test_dead_model_stands_still_until_it_is_to_work(tmp_path: Path) -> None:
    worker, switch = await running(tmp_path), ModelSwitch.of(tmp_path)
    assert worker.child
    process = psutil.Process(worker.child.pid)
    assert not switch.path.exists()
    async with switchable(worker, switch):
        assert switch.state is ModelState.WORKS
        switch.set(ModelState.DEAD)
        await until(lambda: process.status() == psutil.STATUS_STOPPED)
        switch.set(ModelState.WORKS)
        await until(lambda: process.status() != psutil.STATUS_STOPPED)
        switch.set(ModelState.SLOW)
        await until(lambda: process.status() == psutil.STATUS_STOPPED)
        await until(lambda: process.status() != psutil.STATUS_STOPPED)
    assert not switch.path.exists()
    await worker.stop()


async def test_process_that_is_held_up_can_be_stopped(tmp_path: Path) -> None:
    worker, switch = await running(tmp_path), ModelSwitch.of(tmp_path)
    assert worker.child
    process = psutil.Process(worker.child.pid)
    async with switchable(worker, switch):
        switch.set(ModelState.DEAD)
        await until(lambda: process.status() == psutil.STATUS_STOPPED)
        await asyncio.wait_for(worker.stop(), 10)
    assert worker.child.poll() == -15


def test_nonsense_in_the_file_is_no_wish(tmp_path: Path) -> None:
    switch = ModelSwitch.of(tmp_path)
    switch.path.write_bytes(b"\xffasleep")
    assert switch.state is None
