"""The thread that runs the model: lets requests into the batch, advances it, ends them."""

from __future__ import annotations

import gc
import math
import threading
import time
from collections import deque
from typing import Any

import structlog
import torch
from tokenizers import Tokenizer

from inference_queue.protocol import Failure, FailureReason, FinishReason
from inference_worker.engines.base import Usage
from inference_worker.engines.local.batch import Batch
from inference_worker.engines.local.request import Finished, Request
from inference_worker.engines.local.sampling import BROKEN
from inference_worker.engines.local.sequence_output import Answer
from inference_worker.errors import EngineError

log = structlog.get_logger(__name__)

#: Requests that may wait, for each slot; the worker claims no more jobs than it has slots.
WAITING_PER_SLOT = 4

CLOSED = Failure(
    reason=FailureReason.ENGINE_UNAVAILABLE, message="the engine has been closed", retryable=True
)
NO_NUMBERS = Failure(
    reason=FailureReason.ENGINE_ERROR, message="the model's logits are no numbers", retryable=True
)


class Scheduler:
    """A continuous batch of at most ``slots`` answers over one model, in a thread of its own.

    ``budget`` and ``piece`` are the batch's. Raises ValueError for a model it cannot run.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Tokenizer,
        stop_ids: frozenset[int],
        *,
        slots: int,
        budget: int,
        piece: int,
    ) -> None:
        self._tokenizer = tokenizer
        self._stop_ids = stop_ids
        self._slots = slots
        self.batch = Batch(model, rows=slots, budget=budget, piece=piece)
        self._answers: list[Answer] = []
        self._waiting: deque[Request] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._lost = False  # the device refuses all further work: only a new process helps
        self._isolating = False  # a step failed: one newcomer at a time, to find out which
        self._stepped = time.monotonic()  # the last time that the thread came round
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)
        self._thread.start()

    @property
    def usage(self) -> Usage:
        """What it is doing now; from any thread."""
        batch = self.batch
        running, waiting = len(self._answers), len(self._waiting)
        return Usage(
            running=running,
            waiting=waiting,
            held_tokens=batch.cached_tokens,
            kept_tokens=batch.kept_tokens,
            budget_tokens=batch.budget,
            reused_tokens=batch.reused,
            stalled_s=self._stalled_s() if running or waiting else 0.0,
        )

    def _stalled_s(self) -> float:
        return math.inf if self._lost else time.monotonic() - self._stepped

    def submit(self, request: Request) -> None:
        """Queue a request. Raises EngineError when closed or when too many wait."""
        with self._changed:
            if self._closed:
                raise EngineError(CLOSED.reason, CLOSED.message, retryable=CLOSED.retryable)
            if len(self._waiting) >= self._slots * WAITING_PER_SLOT:
                raise EngineError(
                    FailureReason.ENGINE_OVERLOADED,
                    f"{len(self._waiting)} requests are waiting already",
                    retryable=True,
                )
            if not self._answers and not self._waiting:
                self._stepped = time.monotonic()
            self._waiting.append(request)
            self._changed.notify()

    def cancel(self, request: Request) -> None:
        """Let a request go at the next step; nothing is published for it any more."""
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
        del self.batch
        gc.collect()
        torch.cuda.empty_cache()

    def _run(self) -> None:
        while not self._lost and self._await_work():
            self._stepped = time.monotonic()
            self._retire()
            self._admit()
            self._advance()
        if self._lost:
            return  # its worker gives the jobs back, and another process answers them
        for answer in self._answers.copy():
            self._drop(answer, CLOSED)
        self.batch.clear()
        while self._waiting:
            self._waiting.popleft().publish(CLOSED)

    def _await_work(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting or self._answers)
            return not self._closed

    def _advance(self) -> None:
        if not self._answers:
            return
        try:
            written = self.batch.step(newcomers=1 if self._isolating else None)
        except Exception as error:  # noqa: BLE001 - whatever fails, the thread goes on
            self._lost = _is_the_end(error)
            if self._lost:
                log.error("device_lost", error=repr(error)[:300])
            else:
                self._recover(error)
            return
        self._isolating &= bool(self.batch.pending)
        answers = {id(answer.row): answer for answer in self._answers}
        for row, token in written:
            if token == BROKEN:
                self._drop(answers[id(row)], NO_NUMBERS)
            else:
                answers[id(row)].take(token)
        self._retire()

    def _recover(self, error: Exception) -> None:
        """Fail as few as may have caused it; the others try the same step again.

        Memory comes from what is kept first. A newcomer is the next to be blamed, once it was the
        only one in the step; without any it is the newest answer for memory, and all otherwise.
        """
        exhausted = _is_exhaustion(error)
        log.warning("step_failed", error=type(error).__name__, running=len(self._answers))
        newcomers = [answer for answer in self._answers if not answer.row.writing]
        kept = self.batch.forget() if exhausted else 0
        if not kept and (self._isolating or len(newcomers) < 2):
            blamed = newcomers[:1] or (self._answers[-1:] if exhausted else self._answers.copy())
            for answer in blamed:
                self._drop(answer, _failure(error))
        self._isolating = bool(newcomers)
        if exhausted:
            torch.cuda.empty_cache()

    def _admit(self) -> None:
        while (request := self._next_request()) is not None:
            try:
                row = self.batch.add(
                    request.prompt,
                    request.sampling,
                    need=len(request.prompt) + request.max_new_tokens,
                    key=request.cache_key,
                )
            except Exception as error:  # noqa: BLE001 - only the newcomer fails
                request.publish(_failure(error))
                continue
            self._answers.append(Answer(request, row, self._tokenizer, self._stop_ids))

    def _next_request(self) -> Request | None:
        """The first that waits, where it fits; those it is too late for end here."""
        with self._changed:
            overdue = [r for r in self._waiting if r.cancelled or r.is_late()]
            for request in overdue:
                self._waiting.remove(request)
            chosen = self._waiting[0] if self._waiting else None
            if chosen and self.batch.fits(len(chosen.prompt) + chosen.max_new_tokens):
                self._waiting.popleft()
            else:
                chosen = None
        for request in overdue:
            if not request.cancelled:
                request.publish(Finished(FinishReason.DEADLINE, "", 0))
        return chosen

    def _retire(self) -> None:
        """Let the finished, the late and the cancelled go, first their memory."""
        ended = [answer for answer in self._answers if answer.has_ended()]
        for answer in ended:
            self._let_go(answer)
        for answer in ended:
            answer.finish()

    def _drop(self, answer: Answer, failure: Failure) -> None:
        self._let_go(answer, keep=False)
        answer.request.publish(failure)

    def _let_go(self, answer: Answer, *, keep: bool = True) -> None:
        try:
            self.batch.remove(answer.row, keep=keep)
        except Exception as error:  # noqa: BLE001 - no memory to keep it in: let it go all the same
            log.warning("prefix_lost", error=type(error).__name__)
            self.batch.forget()
            self.batch.remove(answer.row, keep=False)
        self._answers.remove(answer)


def _is_exhaustion(error: Exception) -> bool:
    # Without a GPU torch reports it as a plain RuntimeError of its allocator.
    said = "DefaultCPUAllocator" in str(error) or "out of memory" in str(error)
    return isinstance(error, torch.OutOfMemoryError) or said


def _is_the_end(error: Exception) -> bool:
    # After most of CUDA's errors (an illegal access, a device-side assertion) every call fails.
    return isinstance(error, torch.AcceleratorError) and not _is_exhaustion(error)


def _failure(error: Exception) -> Failure:
    """The failure as the protocol names it; never with a person's text in it."""
    if _is_exhaustion(error):
        reason, message = FailureReason.OUT_OF_MEMORY, "the model ran out of memory"
    else:
        reason = FailureReason.ENGINE_ERROR
        message = f"the model failed: {type(error).__name__}: {str(error)[:300]}"
    return Failure(reason=reason, message=message, retryable=True)
