"""Several inference servers of one model: each answer goes to the least busy healthy one.

Where a server refuses, or fails before its first token, the next one is asked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

import structlog

from inference_queue.protocol import Completion, FailureReason, Job
from inference_worker.engines.base import Delta, ModelCard, PlainRequest, Usage
from inference_worker.engines.served.engine import ServedEngine
from inference_worker.errors import EngineError
from inference_worker.prompt.chat_template import ChatTemplate

log = structlog.get_logger(__name__)

#: How often a server that is down is asked whether it is back.
CHECK_EVERY_S = 2.0
#: How long an overloaded server, or one that broke off, is asked only after all others.
COOLDOWN_S = 1.0


@dataclass(slots=True, eq=False)
class _Backend:
    engine: ServedEngine
    ready: bool = False
    running: int = 0
    cooldown_until: float = 0.0  #: on the clock of time.monotonic


class ServedPool:
    """An engine over several ``ServedEngine``; ready as soon as one of them is."""

    def __init__(
        self, engines: Sequence[ServedEngine], *, check_every_s: float = CHECK_EVERY_S
    ) -> None:
        self._backends = [_Backend(engine) for engine in engines]
        self._check_every_s = check_every_s
        self._card: ModelCard | None = None
        self._checking: asyncio.Task[None] | None = None

    @property
    def card(self) -> ModelCard:
        """The model served; valid once ``start`` has returned."""
        if self._card is None:
            raise RuntimeError("the engine has not been started")
        ready = [one.engine.card for one in self._backends if one.ready] or [self._card]
        # A picture, or a job that names an adapter, may go to any of them.
        common = set(ready[0].adapters).intersection(*(card.adapters for card in ready))
        return replace(
            self._card,
            vision=all(card.vision for card in ready),
            adapters=tuple(name for name in ready[0].adapters if name in common),
        )

    @property
    def usage(self) -> Usage:
        """Nothing: the work is the servers'."""
        return Usage()

    @property
    def template(self) -> ChatTemplate | None:
        """That of a server whose tokenizer is here."""
        templates = (backend.engine.template for backend in self._backends if backend.ready)
        return next((template for template in templates if template is not None), None)

    async def check(self) -> str:
        """Why none of the servers can answer now; empty where one can."""
        troubles = await asyncio.gather(*(backend.engine.check() for backend in self._backends))
        self._compare_models()
        return troubles[0] if all(troubles) else ""

    async def start(self, progress: Callable[[str], None]) -> None:
        """Reach the servers; raises EngineError where none can be used. May be called again."""
        begun = await asyncio.gather(*(self._begin(one, progress) for one in self._backends))
        errors = [error for error in begun if error is not None]
        if len(errors) == len(self._backends):
            raise next((error for error in errors if error.failure.retryable), errors[0])
        for error in errors:
            progress(error.failure.message)
        if self._checking is None:
            self._checking = asyncio.create_task(self._keep_checking())

    def generate(self, job: Job) -> AsyncGenerator[Delta | Completion, None]:
        """Yield the answer in pieces, then the Completion. Raises EngineError."""
        return self._first_of(lambda engine: engine.generate(job))

    def complete(self, plain: PlainRequest) -> AsyncGenerator[Delta | Completion, None]:
        """The same for a plain text; see ``CompletingEngine.complete``."""
        return self._first_of(lambda engine: engine.complete(plain))

    async def _first_of(
        self, ask: Callable[[ServedEngine], AsyncGenerator[Delta | Completion, None]]
    ) -> AsyncGenerator[Delta | Completion, None]:
        asked: list[_Backend] = []
        while True:
            backend = self._least_busy(asked)
            has_output = False
            backend.running += 1
            try:
                async with aclosing(ask(backend.engine)) as events:
                    async for event in events:
                        has_output = True
                        yield event
                return
            except EngineError as error:
                self._note(backend, error)
                asked.append(backend)
                last = has_output or len(asked) == len(self._backends)
                if last or not _should_fail_over(error):
                    raise
            finally:
                backend.running -= 1

    async def close(self) -> None:
        """End every stream at once."""
        if self._checking is not None:
            self._checking.cancel()
            await asyncio.gather(self._checking, return_exceptions=True)
        await asyncio.gather(*(backend.engine.close() for backend in self._backends))

    def _compare_models(self) -> None:
        """Ask a server last that was restarted with another model than the others serve."""
        ready = [backend for backend in self._backends if backend.ready]
        cards = [backend.engine.card for backend in ready]
        if cards and self.card.name not in [card.name for card in cards]:
            self._card = cards[0]
        for backend in ready:
            if backend.engine.card.name != self.card.name:
                backend.ready = False
                log.warning("server_has_another_model", model=backend.engine.card.name)

    def _least_busy(self, asked: Sequence[_Backend]) -> _Backend:
        """The next to ask: healthy backends first, the others where none is left."""
        now = time.monotonic()
        left = [backend for backend in self._backends if backend not in asked]
        return min(left, key=lambda one: (not one.ready, one.cooldown_until > now, one.running))

    def _note(self, backend: _Backend, error: EngineError) -> None:
        if not _should_fail_over(error):
            return  # the job's fault
        backend.cooldown_until = time.monotonic() + COOLDOWN_S
        if error.failure.reason is FailureReason.ENGINE_UNAVAILABLE:
            backend.ready = False
        log.warning("server_failed", error=error.failure.message)

    async def _begin(
        self, backend: _Backend, progress: Callable[[str], None]
    ) -> EngineError | None:
        try:
            await backend.engine.start(progress)
        except EngineError as error:
            return error
        card = backend.engine.card
        if self._card is None or not any(one.ready for one in self._backends):
            self._card = card  # the first, or all of them were restarted with another model
        if card.name != self._card.name:
            return EngineError(
                FailureReason.ENGINE_UNAVAILABLE,
                f"Check the settings: one server has {self._card.name}, another {card.name}.",
            )
        backend.ready = True
        return None

    async def _keep_checking(self) -> None:
        while True:
            await asyncio.sleep(self._check_every_s)
            for backend in self._backends:
                if not backend.ready and await self._begin(backend, _say_nothing) is None:
                    log.info("server_back", servers=sum(one.ready for one in self._backends))


def _should_fail_over(error: EngineError) -> bool:
    """Whether another server may do better."""
    unavailable = error.failure.reason is FailureReason.ENGINE_UNAVAILABLE
    return error.failure.retryable or unavailable


def _say_nothing(_: str) -> None:
    """Progress of a repeated start is of no interest."""
