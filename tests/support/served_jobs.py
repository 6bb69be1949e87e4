"""Jobs for the served engine, and what becomes of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from fakes.engine_server import EngineServer
from inference_queue.protocol import (
    Completion,
    Job,
    Message,
    Role,
    SamplingParams,
)
from inference_worker.engines.base import Delta, Engine
from inference_worker.engines.served.engine import ServedEngine
from inference_worker.errors import EngineError

HELLO = (Message(Role.SYSTEM, "친절하게 답하세요."), Message(Role.USER, "안녕"))


def a_job(
    *texts: str,
    messages: tuple[Message, ...] = (),
    within_s: float | None = None,
    continues: bool = False,
    **sampling: Any,
) -> Job:
    """A job that says the texts in turn, user first, or the messages given."""
    roles = (Role.USER, Role.ASSISTANT)
    said = tuple(Message(roles[i % 2], text) for i, text in enumerate(texts))
    deadline = None if within_s is None else datetime.now(UTC) + timedelta(seconds=within_s)
    return Job(
        id=uuid4(),
        messages=messages or said or HELLO,
        sampling=SamplingParams(**sampling),
        deadline=deadline,
        continues=continues,
    )


@asynccontextmanager
async def an_engine(
    server: EngineServer, *, suffix: str = "", **settings: Any
) -> AsyncIterator[ServedEngine]:
    if server.dialect == "transformers":
        settings.setdefault("model", server.model)
    # On a busy machine even this process's own server may be late.
    settings.setdefault("connect_timeout_s", 60.0)
    engine = ServedEngine(server.url + suffix, **settings)
    await engine.start(lambda _step: None)
    try:
        yield engine
    finally:
        await engine.close()


async def answer(engine: Engine, job: Job) -> tuple[list[Delta], Completion]:
    """All pieces and the Completion; checks that there is one, at the end, of the same text."""
    async with aclosing(engine.generate(job)) as parts:
        *pieces, last = [part async for part in parts]
    deltas = [piece for piece in pieces if isinstance(piece, Delta)]
    assert len(deltas) == len(pieces)
    assert isinstance(last, Completion)
    return deltas, last


async def failure(engine: Engine, job: Job | None = None) -> EngineError:
    with pytest.raises(EngineError) as raised:
        await answer(engine, job or a_job())
    return raised.value


async def start_failure(*args: Any, **settings: Any) -> EngineError:
    with pytest.raises(EngineError) as raised:
        await ServedEngine(*args, **settings).start(lambda _step: None)
    return raised.value
