"""Child processes that are started, watched and started again when they end.

Each has a session of its own: a terminal's Ctrl-C reaches only this process, which stops its
children in order. The kernel ties each to this process (onebox/tether.py).
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
from onebox.announcements import Announcements, Say
from onebox.data_dir import CannotStart, os_errors_as_cannot_start, startup_failure
from onebox.log_sentence import last_sentence

#: An earlier exit counts as a failed start.
MIN_UPTIME_S = 10.0
#: After so many failed starts in a row another one is hopeless.
MAX_FAILED_STARTS = 5
_MAX_PAUSE_S = 30.0
_READY_TIMEOUT_S = 60.0
_POLL_S = 0.03

#: By then also a process that is not ready at once has run: no model takes so long to load.
STABLE_S = 600.0


async def _nothing() -> None:
    return


async def _at_once() -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class ProcessSpec:
    """How to start a process, how to tell that it is ready, and how to stop it."""

    name: str  #: for people
    argv: list[str]
    log: Path  #: its output is appended here
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL  #: sent by the kernel when this process dies
    drop_root: bool = False  #: it refuses to run as root
    vital: bool = True  #: nothing can run without it
    prepare: Callable[[], Awaitable[None]] = _nothing  #: runs before each start
    is_ready: Callable[[], Awaitable[bool]] = _at_once  #: polled after each start

    @property
    def data_dir(self) -> Path:
        """The parent of its ``logs`` folder."""
        return self.log.parent.parent


class SupervisedProcess:
    """One child process, which cannot outlive this one."""

    def __init__(self, spec: ProcessSpec) -> None:
        self.spec = spec
        self.child: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it and wait until it is ready. Raises CannotStart."""
        spec = self.spec
        with os_errors_as_cannot_start(spec.data_dir):
            await spec.prepare()
            self.child = self._spawn()
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while not await spec.is_ready():
            if self.child.poll() is not None:
                raise startup_failure(spec.name, spec.log, spec.data_dir)
            if time.monotonic() > deadline:
                raise CannotStart(
                    f"{spec.name} did not answer within {_READY_TIMEOUT_S:.0f} s: see {spec.log}."
                )
            await asyncio.sleep(_POLL_S)

    async def run(self, timeout_s: float = 120.0) -> None:
        """Run it to its end. Raises CannotStart where it fails."""
        spec = self.spec
        with os_errors_as_cannot_start(spec.data_dir):
            self.child = self._spawn()
        try:
            async with asyncio.timeout(timeout_s):
                status = await self.wait()
        except TimeoutError:
            raise CannotStart(
                f"{spec.name} did not end within {timeout_s:.0f} s: see {spec.log}."
            ) from None
        finally:
            await self.stop(0.0)
        if status != 0:
            raise startup_failure(spec.name, spec.log, spec.data_dir)

    async def wait(self) -> int:
        """Wait for its exit; the exit status, negative for a signal."""
        # Polled: an event for a child's exit depends on the loop and on the thread.
        while (status := self.child.poll() if self.child else 0) is None:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_S)
        return status

    async def stop(self, timeout_s: float = 20.0) -> None:
        """Ask it to end; kill it if it takes longer."""
        if self.child is None or self.child.poll() is not None:
            return
        self.child.send_signal(self.spec.stop_signal)
        self.child.send_signal(signal.SIGCONT)  # one that is held up hears nothing
        try:
            async with asyncio.timeout(timeout_s):
                await self.wait()
        except TimeoutError:
            self.child.kill()
            await self.wait()

    def _spawn(self) -> subprocess.Popen[bytes]:
        spec = self.spec
        argv = tether.command(spec.argv, on_death=spec.orphan_signal, drop_root=spec.drop_root)
        spec.log.parent.mkdir(parents=True, exist_ok=True)
        with spec.log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - our own command lines
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=spec.env,
                start_new_session=True,
            )


def raise_if_cancelled() -> None:
    """Raise CancelledError where a library has swallowed this task's cancellation.

    asyncio.wait_for of Python 3.11 does, and asyncpg with it, when the result arrives at the same
    moment; so does redis-py while it connects.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def keep_running(process: SupervisedProcess, say: Say, *, first_pause_s: float = 1.0) -> None:
    """Restart a running process whenever it ends, with growing pauses; never returns.

    Raises CannotStart after MAX_FAILED_STARTS failed starts in a row of a vital process.
    """
    announce, failed_starts = Announcements(say), 0
    while True:
        started_at = time.monotonic()
        status = await process.wait()
        uptime_s = time.monotonic() - started_at
        if uptime_s >= (MIN_UPTIME_S if process.spec.vital else STABLE_S):
            announce.clear()
        failed_starts = failed_starts + 1 if uptime_s < MIN_UPTIME_S else 1
        if process.spec.vital and failed_starts >= MAX_FAILED_STARTS:
            raise _hopeless(process.spec, failed_starts, status)
        pause_s = min(first_pause_s * 2 ** (failed_starts - 1), _MAX_PAUSE_S)
        _tell(announce, process.spec, status, pause_s)
        await asyncio.sleep(pause_s)
        await _restart(process, announce)
        raise_if_cancelled()


def _hopeless(spec: ProcessSpec, failed_starts: int, status: int) -> CannotStart:
    return CannotStart(
        f"{spec.name} ended {failed_starts} times in a row ({_exit_text(status)}): "
        f"see {spec.log}, whose last line is: {last_sentence(spec.log)}"
    )


def _tell(announce: Announcements, spec: ProcessSpec, status: int, pause_s: float) -> None:
    """Say once why it ended, however often it ends that way."""
    ended, said = f"{spec.name} ended ({_exit_text(status)})", last_sentence(spec.log)
    again = f"starting it again in {pause_s:.0f} s"
    announce(f"{ended} {said}", f"{ended}; {again}. It said last: {said}")


async def _restart(process: SupervisedProcess, announce: Announcements) -> None:
    try:
        await process.start()
    except CannotStart as problem:
        announce(str(problem))


def _exit_text(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"
