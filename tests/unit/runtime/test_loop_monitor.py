"""The monitor of the event loop: what is blocked, for how long, and by whom."""

from __future__ import annotations

import asyncio
import threading
import time
import unicodedata

import pytest
from structlog.testing import capture_logs

from runtime import loop_monitor
from runtime.loop_monitor import LOG_ABOVE_S, QUIET_BEAT_S, Block, LoopMonitor, monitored_loop

#: Enough for the watcher to get its turn on a busy machine.
SPIN_S = 0.5


def spin_with_a_secret(secret: str) -> None:
    """Compute, whatever else the machine does meanwhile."""
    until = time.thread_time() + SPIN_S
    while time.thread_time() < until:
        pass


def hold_the_interpreter(marks: str) -> None:
    """One call into C that lets no other thread run."""
    unicodedata.normalize("NFC", marks)


async def blocks_while(work: object) -> tuple[list[Block], list[dict[str, object]]]:
    """What was observed, and logged, until the loop ran freely behind ``work``."""
    blocks: list[Block] = []
    with capture_logs() as lines:
        async with monitored_loop(blocks.append):
            await until_beats(blocks, 2)
            work()  # type: ignore[operator]
            await until_beats(blocks, 2)
    return blocks, [dict(line) for line in lines if line["event"] == "event_loop_blocked"]


async def until_beats(blocks: list[Block], count: int) -> None:
    wanted = len(blocks) + count
    while len(blocks) < wanted:
        await asyncio.sleep(0.01)


async def test_a_block_is_measured_and_its_function_named() -> None:
    blocks, [line] = await blocks_while(lambda: spin_with_a_secret("s3cret"))
    assert max(block.held_s for block in blocks) > SPIN_S - QUIET_BEAT_S - 0.05
    calls = line["blocked_in"]
    assert isinstance(calls, list)
    assert calls[0].startswith("unit/runtime/test_loop_monitor.py:")
    assert calls[0].endswith(" spin_with_a_secret")
    assert "s3cret" not in str(line)


async def test_a_call_into_c_is_named_by_its_caller() -> None:
    marks = "a" + "\u0301" * 15_000 + "\u0323" * 15_000
    _, [line] = await blocks_while(lambda: hold_the_interpreter(marks))
    assert "hold_the_interpreter" in str(line["blocked_in"])


async def test_a_sleeping_thread_blocks_too() -> None:
    blocks: list[Block] = []
    async with asyncio.timeout(60), monitored_loop(blocks.append):
        # A machine without a processor for the watcher tells this from no other wait.
        while not any(block.held_s > LOG_ABOVE_S for block in blocks):
            time.sleep(0.2)  # noqa: ASYNC251
            await until_beats(blocks, 1)


async def test_a_burst_of_blocks_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_monitor, "LOG_EVERY_S", 3600.0)
    blocks: list[Block] = []
    with capture_logs() as lines:
        async with monitored_loop(blocks.append):
            for _ in range(3):
                spin_with_a_secret("")
                await until_beats(blocks, 2)
    assert len([line for line in lines if line["event"] == "event_loop_blocked"]) == 1


async def test_nothing_is_left_behind() -> None:
    monitor = LoopMonitor(lambda _: None)
    assert "loop-monitor" in {thread.name for thread in threading.enumerate()}
    monitor.stop()
    assert "loop-monitor" not in {thread.name for thread in threading.enumerate()}
