"""A worker whose model makes no steps any more, as a process: its jobs go back, and it ends."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.desk import Desk

#: The worker's own program, but for one thing: after the warm-up a step does not come back.
PROGRAM = """
import sys, time, torch
from inference_worker.engines.local.batch import Batch
from inference_worker.__main__ import main

honest, steps = Batch._forward, 0

def forward(self, *args):
    global steps
    steps += 1
    if steps > 4:
        {fault}
    return honest(self, *args)

Batch._forward = forward
sys.exit(main())
"""
FAULTS = {
    "hangs": "time.sleep(3600)",
    "device lost": "raise torch.AcceleratorError('CUDA error: an illegal memory access')",
}


@pytest.fixture
async def worker(
    desk: Desk, noise_llama_dir: Path, request: pytest.FixtureRequest
) -> AsyncIterator[asyncio.subprocess.Process]:
    database_url, redis_url = desk.urls
    settings = {
        "WORKER_DATABASE_URL": database_url,
        "WORKER_REDIS_URL": redis_url,
        "WORKER_ENGINE": "local",
        "WORKER_MODEL": str(noise_llama_dir),
        "WORKER_DEVICE": "cpu",
        "WORKER_KV_TOKENS": "2048",
        "WORKER_STUCK_S": "1",
        "OMP_NUM_THREADS": "1",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM.format(fault=FAULTS[request.param]),
        env={**os.environ, **settings, "PYTHONPATH": str(Path.cwd())},
        stdout=asyncio.subprocess.DEVNULL,
    )
    yield process
    if process.returncode is None:
        process.kill()
        await process.wait()


@pytest.mark.parametrize("worker", FAULTS, indirect=True)
async def test_stuck_worker_exits_and_its_job_returns_to_the_queue(
    desk: Desk, worker: asyncio.subprocess.Process
) -> None:
    job = await desk.put()
    assert await asyncio.wait_for(worker.wait(), 60) == 1
    row = await desk.row(job)
    assert (row.state, row.attempt) == ("queued", 1)
