"""Measures how long the event loop is blocked, and names what blocked it.

A timer on the loop beats every ``BEAT_S``: a late beat is a blocked loop, which is measured up to
one beat too short. While the loop has hardly anything to do it beats every ``QUIET_BEAT_S``, so
that an idle program costs little. A thread watches for late beats and notes the stack of the loop's
thread while it is still blocked.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import structlog

log = structlog.get_logger(__name__)

BEAT_S = 0.01
QUIET_BEAT_S = 0.2
#: The loop's thread computed for less than this share of the time since the last beat.
_QUIET_SHARE = 0.1
#: A loop that was blocked for longer is logged, with the stack.
LOG_ABOVE_S = 0.1
#: The stack is noted this early, so that it is there for every block that is logged.
_NOTE_ABOVE_S = 0.06
#: A block that does not end is logged while it lasts.
_STILL_BLOCKED_S = 2.0
#: At most one line in this time; the next one counts what was left out.
LOG_EVERY_S = 1.0
_MAX_FRAMES = 12


@dataclass(frozen=True, slots=True)
class Block:
    """The time between two beats beyond ``BEAT_S``."""

    lag_s: float  #: how long everything else waited
    #: The part of it that this process is to blame for: the processor time of the loop's thread,
    #: and its waits for anything but a processor. A busy machine adds to the lag alone.
    held_s: float
    #: The processor time of the loop's thread alone: what else runs on the machine adds nothing.
    cpu_s: float


@dataclass(frozen=True, slots=True)
class _Reading:
    wall_s: float
    cpu_s: float  #: of the loop's thread
    queued_s: float  #: see _QueueWait

    def block_since(self, before: _Reading, beat_s: float) -> Block:
        """The block within the time since ``before``, of which ``beat_s`` was the timer's."""
        lag_s = max(self.wall_s - before.wall_s - beat_s, 0.0)
        cpu_s = max(self.cpu_s - before.cpu_s - beat_s, 0.0)
        return Block(lag_s, max(cpu_s, lag_s - (self.queued_s - before.queued_s)), cpu_s)

    def is_quiet_since(self, before: _Reading) -> bool:
        """Whether the loop's thread computed for a small share of the time."""
        return self.cpu_s - before.cpu_s < _QUIET_SHARE * (self.wall_s - before.wall_s)


class _QueueWait:
    """The time that threads were ready to run, without a processor; 0 where Linux does not tell."""

    def __init__(self, native_ids: Iterable[int]) -> None:
        self._files: list[int] = []
        with contextlib.suppress(OSError):
            for native_id in native_ids:
                path = f"/proc/self/task/{native_id}/schedstat"
                self._files.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))

    def read_s(self) -> float:
        """Seconds since the threads began, of all of them together."""
        # Nanoseconds on a processor, nanoseconds waiting for one, time slices.
        return sum(int(os.pread(file, 80, 0).split()[1]) for file in self._files) / 1e9

    def close(self) -> None:
        for file in self._files:
            os.close(file)


class LoopMonitor:
    """Watches the running loop. ``observe`` is called on the loop with every beat."""

    def __init__(self, observe: Callable[[Block], None]) -> None:
        self._observe = observe
        self._report = _Report()
        self._watcher = _Watcher(self._report)
        self._watcher.start()
        # The watcher too: without a processor it may keep the loop's thread from the interpreter.
        self._queue_wait = _QueueWait((threading.get_native_id(), self._watcher.native_id or 0))
        self._last = self._read()
        self._watcher.last_beat = self._last.wall_s
        self._timer = self._in_a_beat()

    def stop(self) -> None:
        """Stop watching; returns once the thread has ended."""
        self._timer.cancel()
        self._watcher.stop()
        self._queue_wait.close()

    def _in_a_beat(self) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(self._watcher.beat_s, self._beat)

    def _read(self) -> _Reading:
        return _Reading(time.monotonic(), time.thread_time(), self._queue_wait.read_s())

    def _beat(self) -> None:
        last, self._last = self._last, self._read()
        block = self._last.block_since(last, self._watcher.beat_s)
        self._watcher.last_beat = self._last.wall_s
        self._watcher.beat_s = QUIET_BEAT_S if self._last.is_quiet_since(last) else BEAT_S
        self._timer = self._in_a_beat()
        self._observe(block)
        self._report.ended(block, last.wall_s)


class _Watcher(threading.Thread):
    """Looks at the thread that makes it, whenever its beat is late."""

    def __init__(self, report: _Report) -> None:
        super().__init__(name="loop-monitor", daemon=True)
        self.last_beat = time.monotonic()
        self.beat_s = BEAT_S  # until the next one
        self._report = report
        self._watched = threading.get_ident()
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(self._pause_s()):
            last_beat = self.last_beat
            late_s = time.monotonic() - last_beat - self.beat_s
            if late_s > _NOTE_ABOVE_S and not self._report.has_stack_of(last_beat):
                frame = sys._current_frames().get(self._watched)
                self._report.note_stack(last_beat, _stack(frame))
            if late_s > _STILL_BLOCKED_S:
                self._report.lasts(late_s, last_beat)

    def stop(self) -> None:
        self._stopped.set()
        self.join()

    def _pause_s(self) -> float:
        """Until a stack may have to be noted: each waking takes the interpreter from the loop."""
        return max(self.last_beat + self.beat_s + _NOTE_ABOVE_S - time.monotonic(), BEAT_S)


class _Report:
    """Writes the log lines; a block is known by the time of the beat before it."""

    def __init__(self) -> None:
        self._noted: tuple[float, list[str]] = (0.0, [])
        self._told_of = 0.0
        self._next_line_at = 0.0
        self._left_out = 0

    def has_stack_of(self, block_id: float) -> bool:
        return self._noted[0] == block_id

    def note_stack(self, block_id: float, stack: list[str]) -> None:
        self._noted = (block_id, stack)

    def lasts(self, late_s: float, block_id: float) -> None:
        """Log a block that has not ended, once."""
        if self._told_of != block_id:
            self._told_of = block_id
            log.warning("event_loop_still_blocked", lag_ms=_ms(late_s), blocked_in=self._noted[1])

    def ended(self, block: Block, block_id: float) -> None:
        """Log a block that was this process's own fault."""
        if block.held_s <= LOG_ABOVE_S:
            return
        now = time.monotonic()
        if now < self._next_line_at:
            self._left_out += 1
            return
        log.warning(
            "event_loop_blocked",
            lag_ms=_ms(block.lag_s),
            held_ms=_ms(block.held_s),
            cpu_ms=_ms(block.cpu_s),
            blocked_in=self._noted[1] if self.has_stack_of(block_id) else [],
            left_out=self._left_out,
        )
        self._next_line_at, self._left_out = now + LOG_EVERY_S, 0


@contextlib.asynccontextmanager
async def monitored_loop(observe: Callable[[Block], None]) -> AsyncIterator[None]:
    """Monitor the running loop while the body runs."""
    monitor = LoopMonitor(observe)
    try:
        yield
    finally:
        monitor.stop()


def _stack(frame: FrameType | None) -> list[str]:
    """``file:line function``, the innermost call first; no values: no words and no secrets."""
    calls: list[str] = []
    while frame is not None and len(calls) < _MAX_FRAMES:
        code = frame.f_code
        file = "/".join(Path(code.co_filename).parts[-3:])
        calls.append(f"{file}:{frame.f_lineno} {code.co_qualname}")
        frame = frame.f_back
    return calls


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
