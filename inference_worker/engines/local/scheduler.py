"""The thread that runs the model: admits requests into the batch, advances it, ends them."""

from __future__ import annotations

import gc
import math
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import torch
from tokenizers import Tokenizer

from inference_queue.protocol import FailureReason, FinishReason
from inference_worker.engines.base import Usage
from inference_worker.engines.local.adapters.weights import LoraWeights
from inference_worker.engines.local.batch import Batch
from inference_worker.engines.local.batch_runner import BatchRunner
from inference_worker.engines.local.kv_budget import affordable_tokens
from inference_worker.engines.local.model_thread import CLOSED
from inference_worker.engines.local.request import Finished, Request
from inference_worker.errors import EngineError

#: Requests that may wait, for each slot; the worker claims no more jobs than it has slots.
WAITING_PER_SLOT = 4


class Scheduler:
    """A continuous batch of at most ``slots`` answers over one model, in a thread of its own.

    ``budget``, ``prefill_chunk`` and ``adapters`` are the batch's. Raises ValueError for a model
    that it cannot run.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Tokenizer,
        stop_ids: frozenset[int],
        *,
        slots: int,
        budget: int,
        prefill_chunk: int,
        adapters: Sequence[LoraWeights] = (),
    ) -> None:
        batch = Batch(
            model, max_slots=slots, budget=budget, prefill_chunk=prefill_chunk, adapters=adapters
        )
        self._runner = BatchRunner(batch, tokenizer, stop_ids)
        self.tokenizer = tokenizer
        self._slots = slots
        self._max_waiting = slots * WAITING_PER_SLOT
        self._waiting: deque[Request] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._stepped = time.monotonic()  # the start of the thread's last round
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)
        self._thread.start()

    @property
    def batch(self) -> Batch:
        """The batch; only its counters may be read from other threads while it runs."""
        return self._runner.batch

    @property
    def usage(self) -> Usage:
        """What it is doing now; from any thread."""
        batch = self.batch
        running, waiting = len(self._runner.outputs), len(self._waiting)
        return Usage(
            running=running,
            waiting=waiting,
            held_tokens=batch.cached_tokens,
            kept_tokens=batch.kept_tokens,
            budget_tokens=batch.budget,
            reused_tokens=batch.reused,
            stalled_s=self._stalled_s() if running or waiting else 0.0,
        )

    @property
    def vocabulary(self) -> int:
        """How many token ids the model can read; from any thread."""
        return self.batch.vocabulary

    @property
    def budget(self) -> int:
        """Tokens that there is memory for; from any thread."""
        return self.batch.budget

    def make_room(self, kv_tokens: int | None, *, max_tokens: int) -> str:
        """Set the budget; see ``ModelThread.make_room``."""
        batch = self.batch
        if kv_tokens is None:
            # What the first answer left in memory is not free, but it holds tokens.
            free = affordable_tokens(batch.token_bytes(), max_tokens=max_tokens)
            kv_tokens = batch.cached_tokens + free
        batch.allow(kv_tokens)
        return f"room for {batch.budget} tokens in {self._slots} slots"

    def _stalled_s(self) -> float:
        return math.inf if self._runner.is_lost else time.monotonic() - self._stepped

    def submit(self, request: Request) -> None:
        """Queue a request. Raises EngineError when closed or when too many wait."""
        with self._changed:
            if self._closed:
                raise EngineError(CLOSED.reason, CLOSED.message, retryable=CLOSED.retryable)
            if len(self._waiting) >= self._max_waiting:
                raise EngineError(
                    FailureReason.ENGINE_OVERLOADED,
                    f"{len(self._waiting)} requests are waiting already",
                    retryable=True,
                )
            if not self._runner.outputs and not self._waiting:
                self._stepped = time.monotonic()  # the idle time before was no stall
            self._waiting.append(request)
            self._changed.notify()

    def cancel(self, request: Request) -> None:
        """End a request at the next step; nothing is published for it any more."""
        with self._changed:
            request.cancelled = True
            self._changed.notify()

    def close(self, timeout_s: float = 30.0) -> None:
        """Fail what is left, end the thread, give the model's memory back."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout_s)
        if self._thread.is_alive():  # still in a step: the process will end without it
            return
        del self._runner
        gc.collect()
        torch.cuda.empty_cache()

    def _run(self) -> None:
        runner = self._runner
        while not runner.is_lost and self._await_work():
            self._stepped = time.monotonic()
            runner.retire()
            self._look()
            while (request := self._next_request()) is not None:
                runner.admit(request)
            runner.advance()
        if runner.is_lost:
            return  # the worker releases the jobs, and another process answers them
        runner.fail_all(CLOSED)
        while self._waiting:
            self._waiting.popleft().publish(CLOSED)

    def _await_work(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting or self._runner.outputs)
            return not self._closed

    def _look(self) -> None:
        """Look at one picture of the first waiting request: others' answers wait for no more."""
        with self._changed:
            first = next((r for r in self._waiting if not (r.cancelled or r.is_late())), None)
        if first is not None and first.unseen and not self._runner.look(first):
            with self._changed:
                self._waiting.remove(first)

    def _next_request(self) -> Request | None:
        """The first waiting request, where it fits; late and cancelled ones end here."""
        with self._changed:
            overdue = [r for r in self._waiting if r.cancelled or r.is_late()]
            for request in overdue:
                self._waiting.remove(request)
            chosen = self._waiting[0] if self._waiting else None
            if chosen and chosen.unseen:
                chosen = None
            elif chosen and self.batch.fits(len(chosen.prompt) + chosen.max_new_tokens):
                self._waiting.popleft()
            else:
                chosen = None
        for request in overdue:
            if not request.cancelled:
                request.publish(Finished(FinishReason.DEADLINE, "", 0))
        return chosen
