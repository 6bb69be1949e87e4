"""The served engine against a real external engine: the command ``transformers serve``.

Opt-in, because its web server (``transformers[serving]``) is no dependency of this project. The
model directory is a small chat model, such as the demo model that a worker converted before.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import psutil
import pytest

from inference_queue.presets import PRESETS
from inference_queue.protocol import FailureReason, FinishReason, Message, Role
from inference_worker.engines.base import Delta
from inference_worker.engines.served.engine import ServedEngine
from inference_worker.errors import EngineError
from tests.support.served_jobs import a_job, answer, failure

CLI = os.environ.get("SERVED_REAL_CLI", "transformers")
MODEL = os.environ.get("SERVED_REAL_MODEL", "")

pytestmark = [
    pytest.mark.served_real,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        os.environ.get("RUN_SERVED_REAL") != "1" or not MODEL,
        reason="opt-in: in an environment of its own `pip install 'transformers[serving]'`, then "
        "RUN_SERVED_REAL=1 SERVED_REAL_CLI=<its bin/transformers> SERVED_REAL_MODEL=<directory of "
        "SmolLM2-135M-Instruct, as the worker keeps it in data/models> "
        "python -m pytest -m served_real -s",
    ),
]

FRANCE = (
    Message(Role.SYSTEM, PRESETS["demo"].system_prompt),
    Message(Role.USER, "What is the capital of France?"),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, psutil.Process]]:
    # Without continuous batching transformers 5.23 stops answering after a few requests at once.
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(CLI, "serve", MODEL, "--continuous-batching", "--device", "cpu", "--dtype", "bfloat16"),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--cb-num-blocks", "32", "--cb-max-batch-tokens", "1024"),
    ]
    log = tmp_path_factory.mktemp("served") / "transformers-serve.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, env={**os.environ, "HF_HUB_OFFLINE": "1"}
        )
        try:
            yield f"http://127.0.0.1:{port}", psutil.Process(process.pid)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture
async def engine(server: tuple[str, psutil.Process]) -> AsyncIterator[ServedEngine]:
    engine = ServedEngine(server[0], model=MODEL)
    await started(engine, server[1])
    yield engine
    await engine.close()


async def started(engine: ServedEngine, process: psutil.Process) -> None:
    """Start as a worker does: again and again while the server is not there yet."""
    steps: list[str] = []
    for _ in range(240):
        assert process.is_running()
        assert process.status() != psutil.STATUS_ZOMBIE, "transformers serve ended; see its log"
        try:
            await engine.start(steps.append)
        except EngineError as error:
            if not error.failure.retryable:
                raise
            await asyncio.sleep(0.5)
        else:
            assert "transformers serve" in steps[-1]
            return
    pytest.fail("transformers serve was not ready after two minutes")


async def test_status_server_answers_and_counts(engine: ServedEngine) -> None:
    assert engine.card.name == MODEL
    assert engine.card.preset == "demo"
    assert engine.card.demo
    deltas, last = await answer(engine, a_job(messages=FRANCE, max_new_tokens=40, temperature=0))
    assert "Paris" in last.text
    assert "<|im_end|>" not in last.text
    assert len(deltas) > 1
    assert last.finish_reason is FinishReason.STOP
    assert last.prompt_tokens > 20
    assert 0 < last.completion_tokens < 40


async def test_the_limit_ends_the_answer(engine: ServedEngine) -> None:
    _, last = await answer(engine, a_job("Count from 1 to 100.", max_new_tokens=5))
    assert last.finish_reason is FinishReason.LENGTH
    assert last.completion_tokens == 5


async def test_a_typed_control_token_stays_text(engine: ServedEngine) -> None:
    """The server reads control tokens out of contents: a whole one would count as one token."""
    _, plain = await answer(engine, a_job("hi", max_new_tokens=2))
    _, typed = await answer(engine, a_job("hi<|im_end|>", max_new_tokens=2))
    assert typed.prompt_tokens - plain.prompt_tokens > 3


async def test_closing_the_generator_lets_the_server_rest(
    engine: ServedEngine, server: tuple[str, psutil.Process]
) -> None:
    job = a_job("Write a very long story about the sea.", max_new_tokens=2048, temperature=0)
    async with aclosing(engine.generate(job)) as parts:
        assert isinstance(await anext(parts), Delta)
        busy = await load_of(server[1])
    await asyncio.sleep(1.0)
    resting = await load_of(server[1])
    print(f"server's load: {busy:.2f} while generating, {resting:.2f} after aclose")  # noqa: T201
    assert resting < busy / 3


async def load_of(process: psutil.Process, over_s: float = 1.5) -> float:
    """CPU seconds per second; an idle scheduler still polls a little."""
    before, at = process.cpu_times(), time.monotonic()
    await asyncio.sleep(over_s)
    after, seconds = process.cpu_times(), time.monotonic() - at
    return float(after.user + after.system - before.user - before.system) / seconds


@pytest.mark.parametrize("together", [1, 4, 8])
async def test_several_at_once(engine: ServedEngine, together: int) -> None:
    begun = time.monotonic()
    answers = await asyncio.gather(
        *(
            answer(engine, a_job(f"Tell me about the number {number}.", max_new_tokens=48))
            for number in range(together)
        )
    )
    tokens = sum(last.completion_tokens for _, last in answers)
    first: list[Any] = sorted(last.first_token_ms for _, last in answers)
    rate = tokens / (time.monotonic() - begun)
    print(f"{together} at once: {rate:.1f} token/s, first after {first[-1]:.0f} ms")  # noqa: T201
    assert all(last.text for _, last in answers)


async def test_a_model_it_was_not_started_with(server: tuple[str, psutil.Process]) -> None:
    wrong = ServedEngine(server[0], model=str(Path(MODEL).with_name("nobody")))
    await started(wrong, server[1])
    error = await failure(wrong, a_job("hi", max_new_tokens=2))
    assert error.failure.reason is FailureReason.ENGINE_UNAVAILABLE
    assert "pinned" in error.failure.message
    await wrong.close()


async def test_fields_it_does_not_know_are_refused(server: tuple[str, psutil.Process]) -> None:
    """Why dialects matter: vLLM's fields are answered 422 here."""
    wrong = ServedEngine(server[0], model=MODEL, dialect="vllm")
    await wrong.start(lambda _step: None)
    error = await failure(wrong, a_job("hi", max_new_tokens=2))
    assert error.failure.reason is FailureReason.INVALID_JOB
    assert "Unexpected fields" in error.failure.message
    await wrong.close()
