"""Generates the answer of a request in a slot, again where a live job took the slot away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta

from inference_queue.protocol import Completion, FailureReason
from inference_worker.api.errors import ApiError
from inference_worker.api.slots import Grant, RequestSlots, RevokedError
from inference_worker.engines.base import Delta
from inference_worker.errors import EngineError

#: The longest wait for a slot, in seconds.
MAX_WAIT_S = 300.0
#: The time of one answer, in seconds; it ends there as with a deadline.
MAX_ANSWER_S = 600.0

Events = AsyncGenerator[Delta | Completion, None]
#: Begins the generation with this deadline.
Begin = Callable[[datetime], Events]


async def answer(slots: RequestSlots, begin: Begin) -> Completion:
    """The whole answer. Raises EngineError, and ApiError where no slot becomes free."""
    async with aclosing(_events(slots, begin, streams=False)) as events:
        async for event in events:
            if isinstance(event, Completion):
                return event
    raise _no_completion()


def stream(slots: RequestSlots, begin: Begin) -> Events:
    """The answer in pieces, then its completion; raises as ``answer``.

    What was handed out cannot be written again: an ApiError where a live job takes the slot then.
    """
    return _events(slots, begin, streams=True)


async def _events(slots: RequestSlots, begin: Begin, *, streams: bool) -> Events:
    has_output = is_again = False
    while True:
        try:
            async with _slot(slots, again=is_again) as grant:
                async with aclosing(_generate(grant, begin)) as events:
                    async for event in events:
                        if streams or isinstance(event, Completion):
                            has_output = True
                            yield event
                return
        except RevokedError:
            if has_output:
                sentence = "A live question needed the slot: ask again, or when it is quieter."
                raise ApiError(503, sentence, "preempted") from None
            is_again = True


async def _generate(grant: Grant, begin: Begin) -> Events:
    """The events of the engine. Raises RevokedError once the slot is taken away."""
    deadline = datetime.now(UTC) + timedelta(seconds=MAX_ANSWER_S)
    async with aclosing(begin(deadline)) as events:
        while (event := await grant.run(lambda: anext(events, None))) is not None:
            yield event
            if isinstance(event, Completion):
                return
    raise _no_completion()


@asynccontextmanager
async def _slot(slots: RequestSlots, *, again: bool) -> AsyncIterator[Grant]:
    """A slot, after a bounded wait. Raises ApiError."""
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(MAX_WAIT_S):
                grant = await stack.enter_async_context(slots.hold(again=again))
        except TimeoutError:
            sentence = f"No slot became free within {MAX_WAIT_S:g} seconds: ask again later."
            raise ApiError(503, sentence, "no_slot") from None
        yield grant


def _no_completion() -> EngineError:
    return EngineError(
        FailureReason.ENGINE_ERROR, "the engine ended without a completion", retryable=True
    )
