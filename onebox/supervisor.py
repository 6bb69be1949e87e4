"""The processes of one machine: each is started, kept running, and seen gone.

A part is a child in a session of its own (a terminal's Ctrl-C is for the parent, which stops its
parts in order) and tied to the parent's life by the kernel (onebox/tether.py).
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from onebox import tether
from onebox.data_dir import CannotStart, os_errors_as_cannot_start, tail, why_it_ended

#: A part that ends sooner after its start than this did not really start.
QUICK_S = 10.0
#: So many quick ends in a row, and nobody expects the next start to go better.
QUICK_ENDS = 5
_LONGEST_PAUSE_S = 30.0
_ANSWER_S = 60.0
_POLL_S = 0.03

Say = Callable[[str], None]


async def _nothing() -> None:
    return


async def _at_once() -> bool:
    return True


@dataclass(kw_only=True)
class SupervisedProcess:
    """One process: how to start it, how to tell that it answers, how to end it."""

    name: str  #: for people
    argv: list[str]
    log: Path  #: what it writes is added here
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    stop_by: signal.Signals = signal.SIGTERM  #: asks it to end
    on_death: signal.Signals = signal.SIGKILL  #: what it gets when this process is killed
    drop_root: bool = False  #: it refuses to run as root
    vital: bool = True  #: without it there is nothing to run for
    before: Callable[[], Awaitable[None]] = _nothing  #: done before each start
    answers: Callable[[], Awaitable[bool]] = _at_once  #: whether it is up; asked until it is
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def data_dir(self) -> Path:
        """Where its ``logs`` folder lies."""
        return self.log.parent.parent

    async def start(self) -> None:
        """Start it and wait until it answers. Raises CannotStart."""
        with os_errors_as_cannot_start(self.data_dir):
            await self.before()
            self.process = self._spawn()
        ends = time.monotonic() + _ANSWER_S
        while not await self.answers():
            if self.process.poll() is not None:
                raise why_it_ended(self.name, self.log, self.data_dir)
            if time.monotonic() > ends:
                raise CannotStart(
                    f"{self.name} did not answer within {_ANSWER_S:.0f} s: see {self.log}."
                )
            await asyncio.sleep(_POLL_S)

    def _spawn(self) -> subprocess.Popen[bytes]:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - our own command lines
                tether.command(self.argv, on_death=self.on_death, drop_root=self.drop_root),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.env,
                start_new_session=True,
            )

    async def ended(self) -> int:
        """Wait for its end; the exit status, negative for a signal."""
        # Polled: an event for a child's end depends on the loop and on the thread.
        while (status := self.process.poll() if self.process else 0) is None:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_S)
        return status

    async def run(self, within_s: float = 120.0) -> None:
        """Run it to its end. Raises CannotStart where it fails."""
        with os_errors_as_cannot_start(self.data_dir):
            self.process = self._spawn()
        try:
            async with asyncio.timeout(within_s):
                status = await self.ended()
        except TimeoutError:
            raise CannotStart(
                f"{self.name} did not end within {within_s:.0f} s: see {self.log}."
            ) from None
        finally:
            await self.stop(0.0)
        if status != 0:
            raise why_it_ended(self.name, self.log, self.data_dir)

    async def stop(self, within_s: float = 20.0) -> None:
        """Ask it to end and see it gone; if it takes longer it is killed."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(self.stop_by)
        try:
            async with asyncio.timeout(within_s):
                await self.ended()
        except TimeoutError:
            self.process.kill()
            await self.ended()


def raise_if_cancelled() -> None:
    """Raise CancelledError where this task was told to end and something below has lost it.

    asyncio.wait_for of Python 3.11 does (asyncpg waits with it), when the answer comes at the same
    moment; so does redis-py while it connects.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def keep_running(part: SupervisedProcess, say: Say, *, first_pause_s: float = 1.0) -> None:
    """Start a running part again whenever it ends, with growing pauses; never returns.

    Raises CannotStart when a vital part ended quickly too many times in a row.
    """
    ends = 0
    while True:
        since = time.monotonic()
        status = await part.ended()
        ends = ends + 1 if time.monotonic() - since < QUICK_S else 1
        how, said = _how(status), _last_line(part.log)
        if part.vital and ends >= QUICK_ENDS:
            raise CannotStart(
                f"{part.name} ended {ends} times in a row ({how}): see {part.log}, "
                f"whose last line is: {said}"
            )
        pause = min(first_pause_s * 2 ** (ends - 1), _LONGEST_PAUSE_S)
        say(f"{part.name} ended ({how}); starting it again in {pause:.0f} s. It said last: {said}")
        await asyncio.sleep(pause)
        await _start_again(part, say)
        raise_if_cancelled()


async def _start_again(part: SupervisedProcess, say: Say) -> None:
    try:
        await part.start()
    except CannotStart as problem:
        say(str(problem))


def _how(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"


def _last_line(log: Path) -> str:
    return (tail(log) or ["(none)"])[-1][:300]
