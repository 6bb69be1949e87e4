"""The served engine in a process of its own, and its stand-in as one."""

from __future__ import annotations

import asyncio
import sys

from fakes.engine_server import engine_server
from inference_worker.engines.served.engine import ServedEngine
from tests.support.served_jobs import a_job, answer


async def test_the_hubs_offline_switch_does_not_concern_the_engine() -> None:
    """An air-gapped machine sets HF_HUB_OFFLINE; its own inference server is still there."""
    async with engine_server() as server:
        code = (
            "import asyncio, tests.support.served_jobs as t\n"
            "async def main():\n"
            f"    engine = t.ServedEngine({server.url!r})\n"
            "    await engine.start(print)\n"
            "    print((await t.answer(engine, t.a_job('오프라인')))[1].text)\n"
            "asyncio.run(main())\n"
        )
        child = await asyncio.create_subprocess_exec(
            "env", "HF_HUB_OFFLINE=1", "PYTHONUTF8=1", sys.executable, "-c", code,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await child.communicate()
    assert child.returncode == 0
    assert "에코: 오프라인" in out.decode()


async def test_the_fake_server_starts_by_hand() -> None:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fakes.engine_server", "--port", "0", "--dialect", "tgi"),
        *("--delay-per-token-s", "0.001", "--api-key", "k"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdout is not None
    url = (await child.stdout.readline()).decode().strip()
    engine = ServedEngine(url, api_key="k")
    await engine.start(lambda _step: None)
    assert (await answer(engine, a_job()))[1].text == "에코: 안녕"
    await engine.close()
    child.terminate()
    assert await child.wait() == 0
