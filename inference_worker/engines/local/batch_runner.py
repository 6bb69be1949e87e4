"""Advances the running answers of a batch, and limits what a failing step costs them."""

from __future__ import annotations

import structlog
import torch
from tokenizers import Tokenizer

from inference_queue.protocol import Failure
from inference_worker.engines.local.batch import Batch
from inference_worker.engines.local.request import Request
from inference_worker.engines.local.sampling import INVALID_TOKEN
from inference_worker.engines.local.sequence_output import SequenceOutput
from inference_worker.engines.local.step_failures import (
    NO_NUMBERS,
    failure_of,
    is_device_lost,
    is_exhaustion,
)
from inference_worker.engines.local.token_scorer import ScoreSheet
from inference_worker.engines.local.vision import seen

log = structlog.get_logger(__name__)


class BatchRunner:
    """The outputs being written, one for each slot of the batch. Belongs to one thread."""

    def __init__(self, batch: Batch, tokenizer: Tokenizer, stop_ids: frozenset[int]) -> None:
        self.batch = batch
        self.outputs: list[SequenceOutput] = []
        self.is_lost = False  #: the device refuses all further work: only a new process helps
        self._tokenizer = tokenizer
        self._stop_ids = stop_ids
        self._isolating = False  # a step failed: one prompt at a time, to find out which

    def admit(self, request: Request) -> None:
        """Let a request that fits into the batch."""
        try:
            slot = self.batch.add(
                request.prompt,
                request.sampling,
                need=len(request.prompt) + request.max_new_tokens,
                key=request.cache_key,
                seen=torch.cat(request.seen) if request.seen else None,
                sheet=ScoreSheet(request.wanted) if request.wanted else None,
                adapter=request.adapter,
            )
            request.seen.clear()
        except Exception as error:  # noqa: BLE001 - only the new request fails
            request.publish(failure_of(error))
            return
        self.outputs.append(SequenceOutput(request, slot, self._tokenizer, self._stop_ids))

    def look(self, request: Request) -> bool:
        """Look at the request's next picture; False: that failed, and so has the request."""
        try:
            request.seen.append(seen(self.batch.model, request.unseen[0]))
        except Exception as error:  # noqa: BLE001 - only this request fails
            self.is_lost = is_device_lost(error)
            log.warning("picture_failed", error=type(error).__name__)
            if not self.is_lost:
                request.publish(failure_of(error))
            return False
        del request.unseen[0]
        return True

    def advance(self) -> None:
        """One step of the batch, and the end of the outputs that it completes."""
        if not self.outputs:
            return
        try:
            written = self.batch.step(max_prefilling=1 if self._isolating else None)
        except Exception as error:  # noqa: BLE001 - whatever fails, the thread goes on
            self.is_lost = is_device_lost(error)
            if self.is_lost:
                log.error("device_lost", error=repr(error)[:300])
            else:
                self._recover(error)
            return
        self._isolating &= bool(self.batch.prefilling)
        by_slot = {id(output.slot): output for output in self.outputs}
        for slot, token in written:
            if token == INVALID_TOKEN:
                self._drop(by_slot[id(slot)], NO_NUMBERS)
            else:
                by_slot[id(slot)].take(token)
        self.retire()

    def retire(self) -> None:
        """Remove the finished, the late and the cancelled; their memory is freed first."""
        ended = [output for output in self.outputs if output.has_ended()]
        for output in ended:
            self._remove(output)
        for output in ended:
            output.finish()

    def fail_all(self, failure: Failure) -> None:
        """End every output with this failure, and clear the batch."""
        for output in self.outputs.copy():
            self._drop(output, failure)
        self.batch.clear()

    def _recover(self, error: Exception) -> None:
        """Fail as few as may have caused it; the others try the same step again.

        Kept prefixes are the first to give memory. A prompt being prefilled is the next to blame,
        once it was the only one in the step; without any, it is the newest output for memory, and
        all of them otherwise.
        """
        is_exhausted = is_exhaustion(error)
        log.warning("step_failed", error=type(error).__name__, running=len(self.outputs))
        by_slot = {id(output.slot): output for output in self.outputs}
        prefilling = [by_slot[id(slot)] for slot in self.batch.prefilling]
        freed = self.batch.forget() if is_exhausted else 0
        if not freed and (self._isolating or len(prefilling) < 2):
            rest = self.outputs[-1:] if is_exhausted else self.outputs.copy()
            for output in prefilling[:1] or rest:
                self._drop(output, failure_of(error))
        self._isolating = bool(prefilling)
        if is_exhausted:
            torch.cuda.empty_cache()

    def _drop(self, output: SequenceOutput, failure: Failure) -> None:
        self._remove(output, keep=False)
        output.request.publish(failure)

    def _remove(self, output: SequenceOutput, *, keep: bool = True) -> None:
        try:
            self.batch.remove(output.slot, keep=keep)
        except Exception as error:  # noqa: BLE001 - no memory to keep its prefix in: remove it all
            log.warning("prefix_lost", error=type(error).__name__)
            self.batch.forget()
            self.batch.remove(output.slot, keep=False)
        self.outputs.remove(output)
