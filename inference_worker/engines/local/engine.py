"""The engine that runs the model in this process: torch and transformers.

Importing this module is cheap; torch is loaded by ``start``.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

import structlog

from inference_queue.presets import PRESETS
from inference_queue.protocol import (
    Completion,
    Failure,
    FailureReason,
    Job,
    Message,
    Role,
    SamplingParams,
)
from inference_worker.engines.base import Delta, ModelCard, Usage
from inference_worker.engines.local.request import Event, Finished, Request
from inference_worker.errors import EngineError
from inference_worker.prompt.chat_template import ChatTemplate
from inference_worker.prompt.context_window import Fitted
from inference_worker.prompt.encoding import fit_and_encode

if TYPE_CHECKING:
    from inference_worker.engines.local.checkpoints import Checkpoint
    from inference_worker.engines.local.scheduler import Scheduler

log = structlog.get_logger()
T = TypeVar("T")


class LocalEngine:
    """A model in this process that writes up to ``slots`` answers at once.

    ``model`` is a preset's key, a directory or a hub id. ``max_new_tokens`` caps every answer;
    the demo model's answers are capped by its preset where nothing else is said. ``kv_tokens``
    bounds the tokens that are held in memory, those kept for the next turn of a conversation
    included; None finds out what there is room for (memory.py). ``cache_dir`` keeps the
    converted demo model. ``device``, ``dtype`` and ``adapter`` are those of ``checkpoints.load``.
    """

    def __init__(
        self,
        model: str,
        *,
        slots: int,
        cache_dir: Path,
        max_new_tokens: int | None = None,
        kv_tokens: int | None = None,
        device: str | None = None,
        dtype: str | None = None,
        adapter: str = "",
    ) -> None:
        self._name = model
        self._slots = slots
        self._cache_dir = cache_dir
        self._max_new_tokens = max_new_tokens
        self._kv_tokens = kv_tokens
        self._device = device
        self._dtype = dtype
        self._adapter = adapter
        self._card: ModelCard | None = None
        self._template: ChatTemplate | None = None
        self._scheduler: Scheduler | None = None

    @property
    def card(self) -> ModelCard:
        """The model served; valid once ``start`` has returned."""
        if self._card is None:
            raise _unavailable("the engine has not been started")
        return self._card

    @property
    def usage(self) -> Usage:
        """What it is doing now."""
        return self._scheduler.usage if self._scheduler else Usage()

    async def start(self, progress: Callable[[str], None]) -> None:
        """Find, load and warm up the model, telling each step. Raises EngineError."""
        loop = asyncio.get_running_loop()

        def tell(sentence: str) -> None:
            loop.call_soon_threadsafe(progress, sentence)

        checkpoint, template = await _in_daemon_thread(lambda: self._load(tell))
        from inference_worker.engines.local.kv_budget import affordable_tokens, prefill_chunk  # noqa: PLC0415 - torch
        from inference_worker.engines.local.scheduler import Scheduler  # noqa: PLC0415 - torch

        if self._max_new_tokens is None and checkpoint.card.demo:
            self._max_new_tokens = PRESETS[checkpoint.card.preset].sampling.max_new_tokens
        self._card, self._template = checkpoint.card, template
        try:
            self._scheduler = Scheduler(
                checkpoint.model,
                checkpoint.tokenizer.backend_tokenizer,
                checkpoint.stop_ids,
                slots=self._slots,
                budget=self._window(),
                prefill_chunk=prefill_chunk(checkpoint.model.device),
            )
        except ValueError as error:
            raise _unavailable(f"the local engine cannot run this model: {error}") from error
        batch = self._scheduler.batch
        await self._warm_up()
        batch.allow(
            self._kv_tokens
            or affordable_tokens(batch.token_bytes(), max_tokens=self._slots * self._window())
        )
        tell(f"room for {batch.budget} tokens in {self._slots} slots")

    async def generate(self, job: Job) -> AsyncGenerator[Delta | Completion, None]:
        """Yield the answer in pieces, then one Completion; see ``Engine.generate``."""
        scheduler, card = self._started(), self.card
        began = time.monotonic()
        deadline = began + job.remaining_s()
        fitted, prompt = await asyncio.to_thread(self._prompt, job)
        events: asyncio.Queue[Event] = asyncio.Queue()
        request = self._request(job, prompt, deadline, events)
        scheduler.submit(request)
        first_token_ms = None
        try:
            while not isinstance(event := await events.get(), Finished):
                if isinstance(event, Failure):
                    raise EngineError(event.reason, event.message, retryable=event.retryable)
                first_token_ms = first_token_ms or _ms_since(began)
                yield event
        finally:
            scheduler.cancel(request)
        yield Completion(
            text=event.text,
            finish_reason=event.reason,
            model=card.name,
            prompt_tokens=len(prompt),
            completion_tokens=event.tokens,
            dropped_messages=fitted.dropped,
            first_token_ms=first_token_ms,
            total_ms=_ms_since(began),
        )

    async def close(self) -> None:
        """Fail what is being written, end the thread, free the memory; safe to call twice."""
        scheduler, self._scheduler, self._template = self._scheduler, None, None
        if scheduler is not None:
            await asyncio.to_thread(scheduler.close)

    async def _warm_up(self) -> None:
        """Write two tokens: torch does much once, and a model that cannot write is told now."""
        greeting = Job(
            id=uuid4(),
            messages=(Message(Role.USER, "안녕하세요?"),),
            sampling=SamplingParams(max_new_tokens=2),
        )
        try:
            async for _ in self.generate(greeting):
                pass
        except EngineError as error:
            await self.close()
            failure = error.failure
            raise EngineError(failure.reason, f"it loads, and then {failure.message}") from error

    def _load(self, progress: Callable[[str], None]) -> tuple[Checkpoint, ChatTemplate]:
        progress("loading torch and transformers")
        try:
            from inference_worker.engines.local.checkpoints import load  # noqa: PLC0415 - torch
        except ImportError as error:
            raise _unavailable(
                f"the local engine cannot be loaded ({error}): pip install -e '.[local]', "
                "or set WORKER_BASE_URL to an external engine"
            ) from error
        checkpoint = load(
            self._name,
            cache_dir=self._cache_dir,
            device=self._device,
            dtype=self._dtype,
            progress=progress,
            adapter=self._adapter,
        )
        return checkpoint, ChatTemplate(checkpoint.tokenizer)

    def _started(self) -> Scheduler:
        if self._scheduler is None:
            raise _unavailable("the engine is not running")
        return self._scheduler

    def _window(self) -> int:
        card = self.card
        window = card.context_window or PRESETS[card.preset].context_window
        return min(window, self._scheduler.batch.budget) if self._scheduler else window

    def _longest_answer(self, job: Job) -> int:
        asked = job.sampling.max_new_tokens
        return min(asked, self._max_new_tokens or asked)

    def _prompt(self, job: Job) -> tuple[Fitted, list[int]]:
        template = self._template
        if template is None:
            raise _unavailable("the engine is not running")
        fitted, prompt = fit_and_encode(
            template,
            job.messages,
            window=self._window(),
            max_new_tokens=self._longest_answer(job),
        )
        if fitted.dropped or fitted.cut_chars:
            log.info(
                "prompt_fitted",
                job=str(job.id),
                dropped_messages=fitted.dropped,
                cut_chars=fitted.cut_chars,
            )
        return fitted, prompt

    def _request(
        self, job: Job, prompt: list[int], deadline: float, events: asyncio.Queue[Event]
    ) -> Request:
        loop = asyncio.get_running_loop()

        def publish(event: Event) -> None:
            try:
                loop.call_soon_threadsafe(events.put_nowait, event)
            except RuntimeError:  # the loop is closed: nobody reads any more
                request.cancelled = True

        request = Request(
            prompt=prompt,
            sampling=job.sampling,
            max_new_tokens=min(self._longest_answer(job), self._window() - len(prompt)),
            publish=publish,
            cache_key=job.cache_key,
            deadline=deadline,
        )
        return request


async def _in_daemon_thread(work: Callable[[], T]) -> T:
    """Like asyncio.to_thread, in a thread that does not hold up the end of the process."""
    outcome: Future[T] = Future()

    def run() -> None:
        if not outcome.set_running_or_notify_cancel():
            return
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            outcome.set_exception(error)

    threading.Thread(target=run, name="model-load", daemon=True).start()
    return await asyncio.wrap_future(outcome)


def _ms_since(began: float) -> float:
    return (time.monotonic() - began) * 1000


def _unavailable(message: str) -> EngineError:
    return EngineError(FailureReason.ENGINE_UNAVAILABLE, message)
