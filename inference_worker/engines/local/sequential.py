"""The thread of a model that transformers' ``generate`` runs: one answer after the other.

For image-text models whose pictures are no tokens between those of the text (Mllama), or have
positions of their own (Qwen2-VL): the batch knows neither.
"""

from __future__ import annotations

import gc
import threading
import time
from collections import deque
from typing import Any

import torch
from tokenizers import Tokenizer

from inference_queue.protocol import FailureReason, FinishReason
from inference_worker.engines.base import Usage
from inference_worker.engines.local.model_thread import CLOSED
from inference_worker.engines.local.processor_inputs import ProcessorReader
from inference_worker.engines.local.request import Finished, Request
from inference_worker.engines.local.sequential_writer import SequentialWriter
from inference_worker.engines.token_scores import NO_SCORES
from inference_worker.errors import EngineError

#: The worker claims one job at a time; the endpoint and the background lane may come beside it.
MAX_WAITING = 16


class SequentialScheduler:
    """A ``ModelThread`` that writes one answer at a time, first come, first served.

    ``window``: tokens of prompt and answer together.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Tokenizer,
        stop_ids: frozenset[int],
        *,
        reader: ProcessorReader,
        window: int,
    ) -> None:
        self.tokenizer = tokenizer
        self._writer = SequentialWriter(model, tokenizer, stop_ids, reader)
        self._vocabulary = int(model.get_input_embeddings().num_embeddings)
        self._window = window
        self._waiting: deque[Request] = deque()
        self._running: Request | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)
        self._thread.start()

    @property
    def vocabulary(self) -> int:
        """How many token ids the model can read."""
        return self._vocabulary

    @property
    def budget(self) -> int:
        """Tokens of the one sequence."""
        return self._window

    @property
    def usage(self) -> Usage:
        """What it is doing now; from any thread."""
        running, waiting = self._running, len(self._waiting)
        held = len(running.prompt) + running.max_new_tokens if running else 0
        return Usage(
            running=1 if running else 0,
            waiting=waiting,
            held_tokens=held,
            budget_tokens=self._window,
            stalled_s=self._writer.stalled_s() if running or waiting else 0.0,
        )

    def make_room(self, kv_tokens: int | None, *, max_tokens: int) -> str:
        """Bound the one sequence; see ``ModelThread.make_room``."""
        self._window = min(self._window, kv_tokens or max_tokens)
        return f"one answer at a time, of {self._window} tokens with its prompt"

    def submit(self, request: Request) -> None:
        """Queue a request. Raises EngineError when closed or when too many wait.

        Raises it for wanted scores, too: ``generate`` would keep those of every token.
        """
        if request.wanted is not None:
            raise EngineError(FailureReason.INVALID_JOB, NO_SCORES)
        with self._changed:
            if self._writer.is_closed:
                raise EngineError(CLOSED.reason, CLOSED.message, retryable=CLOSED.retryable)
            if len(self._waiting) >= MAX_WAITING:
                raise EngineError(
                    FailureReason.ENGINE_OVERLOADED,
                    f"{len(self._waiting)} requests are waiting already",
                    retryable=True,
                )
            if self._running is None:
                self._writer.stepped = time.monotonic()  # the idle time before was no stall
            self._waiting.append(request)
            self._changed.notify()

    def cancel(self, request: Request) -> None:
        """End a request at its next token; nothing is published for it any more."""
        with self._changed:
            request.cancelled = True

    def close(self, timeout_s: float = 30.0) -> None:
        """Fail what is left, end the thread, give the model's memory back."""
        with self._changed:
            self._writer.is_closed = True
            self._changed.notify()
        self._thread.join(timeout_s)
        if self._thread.is_alive():  # still in a step: the process will end without it
            return
        self._writer.model = None
        gc.collect()
        torch.cuda.empty_cache()

    def _run(self) -> None:
        writer = self._writer
        while not writer.is_lost and (request := self._next_request()) is not None:
            writer.write(request, self._retire_waiting)
        if writer.is_lost:
            return  # the worker releases the jobs, and another process answers them
        while self._waiting:
            self._waiting.popleft().publish(CLOSED)

    def _next_request(self) -> Request | None:
        """The next one to write; None once closed."""
        with self._changed:
            self._running = None
            self._changed.wait_for(lambda: self._writer.is_closed or self._waiting)
            if self._writer.is_closed:
                return None
            self._running = self._waiting.popleft()
            return self._running

    def _retire_waiting(self) -> None:
        """End the waiting requests that are late or cancelled."""
        with self._changed:
            over = [one for one in self._waiting if one.cancelled or one.is_late()]
            for request in over:
                self._waiting.remove(request)
        for request in over:
            if not request.cancelled:
                request.publish(Finished(FinishReason.DEADLINE, "", 0))
