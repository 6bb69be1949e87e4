"""A process that ends is started again, with growing pauses, up to a limit."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from onebox.data_dir import CannotStart
from onebox.supervisor import MAX_FAILED_STARTS, ProcessSpec, SupervisedProcess, keep_running


def python_process(tmp_path: Path, code: str, *, vital: bool = True) -> SupervisedProcess:
    log = tmp_path / "logs" / "process.log"
    return SupervisedProcess(
        ProcessSpec(name="It", argv=[sys.executable, "-c", code], log=log, vital=vital)
    )


async def test_a_vital_process_that_keeps_failing_ends_everything(tmp_path: Path) -> None:
    said: list[str] = []
    broken = python_process(tmp_path, "print('no key'); raise SystemExit(3)")
    await broken.start()
    with pytest.raises(CannotStart) as raised:
        await keep_running(broken, said.append, first_pause_s=0.001)
    assert f"ended {MAX_FAILED_STARTS} times in a row (exit status 3)" in str(raised.value)
    assert str(raised.value).endswith("whose last line is: no key")
    assert len(said) == 1


async def test_a_process_that_is_not_vital_is_restarted_without_limit(tmp_path: Path) -> None:
    said, starts = list[str](), tmp_path / "starts"
    code = f"open({str(starts)!r}, 'a').write('x'); raise SystemExit(3)"
    broken = python_process(tmp_path, code, vital=False)
    await broken.start()
    trying = asyncio.create_task(keep_running(broken, said.append, first_pause_s=0.0))
    while not starts.exists() or starts.stat().st_size <= MAX_FAILED_STARTS:
        await asyncio.sleep(0.05)
    trying.cancel()
    await asyncio.gather(trying, return_exceptions=True)
    await broken.stop()
    assert said == ["It ended (exit status 3); starting it again in 0 s. It said last: (none)"]


async def test_another_reason_is_said_again_and_in_words(tmp_path: Path) -> None:
    """The second start says something else, as a JSON line: its sentence is shown, not the JSON."""
    said, first = list[str](), tmp_path / "first"
    line = json.dumps({"error": "모델을 찾을 수 없어요.", "event": "engine_unusable"})
    code = (
        "import os, sys\n"
        f"try: os.mkdir({str(first)!r})\n"
        f"except OSError: print({line!a})\n"
        "else: print('no key')\n"
        "sys.exit(1)"
    )
    broken = python_process(tmp_path, code, vital=False)
    await broken.start()
    trying = asyncio.create_task(keep_running(broken, said.append, first_pause_s=0.0))
    while len(said) < 2:
        await asyncio.sleep(0.05)
    trying.cancel()
    await asyncio.gather(trying, return_exceptions=True)
    await broken.stop()
    assert [text.rpartition("It said last: ")[2] for text in said] == [
        "no key",
        "모델을 찾을 수 없어요.",
    ]


async def test_process_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    stubborn = python_process(
        tmp_path,
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print('up', flush=True); time.sleep(60)",
    )
    await stubborn.start()
    while not stubborn.spec.log.read_text("utf-8"):
        await asyncio.sleep(0.02)
    await stubborn.stop(timeout_s=0.2)
    assert await stubborn.wait() == -signal.SIGKILL


async def test_missing_executable_is_named(tmp_path: Path) -> None:
    missing = SupervisedProcess(
        ProcessSpec(name="It", argv=["/no/such/tool"], log=tmp_path / "logs" / "it.log")
    )
    with pytest.raises(CannotStart, match="/no/such/tool: No such file or directory"):
        await missing.run()


async def test_a_run_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    endless = python_process(tmp_path, "import time; time.sleep(60)")
    with pytest.raises(CannotStart, match="did not end within"):
        await endless.run(timeout_s=0.2)
    assert endless.child is not None
    assert not psutil.pid_exists(endless.child.pid)


async def test_a_cancellation_that_a_library_loses_is_heeded(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def deaf() -> bool:
        asked.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(30)
        return True

    ends = python_process(tmp_path, "raise SystemExit(3)", vital=False)
    await ends.start()
    ends.spec = replace(ends.spec, is_ready=deaf)
    keeping = asyncio.create_task(keep_running(ends, lambda _: None, first_pause_s=0.001))
    await asyncio.wait_for(asked.wait(), 30)
    keeping.cancel()
    await asyncio.wait([keeping], timeout=5)
    assert keeping.cancelled()
    await ends.wait()
