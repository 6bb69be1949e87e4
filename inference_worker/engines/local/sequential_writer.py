"""One answer by transformers' ``generate``, its tokens chosen by the batch's sampler."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import structlog
import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
)

from inference_worker.engines.local.batch_memory import Slot
from inference_worker.engines.local.model_thread import CLOSED
from inference_worker.engines.local.processor_inputs import ProcessorReader
from inference_worker.engines.local.request import Request
from inference_worker.engines.local.sampling import INVALID_TOKEN, Sampler
from inference_worker.engines.local.sequence_output import SequenceOutput
from inference_worker.engines.local.step_failures import (
    NO_NUMBERS,
    failure_of,
    is_device_lost,
    is_exhaustion,
)

log = structlog.get_logger(__name__)


class SequentialWriter:
    """Writes answers one after the other. Belongs to one thread; ``is_closed`` ends it."""

    def __init__(
        self, model: Any, tokenizer: Tokenizer, stop_ids: frozenset[int], reader: ProcessorReader
    ) -> None:
        self.model = model
        self.is_closed = False
        self.is_lost = False  #: the device refuses all further work: only a new process helps
        self.stepped = time.monotonic()  #: when the newest token or layer was computed
        self._tokenizer = tokenizer
        self._stop_ids = stop_ids
        self._reader = reader
        # Four large pictures take a CPU a minute before the first token: it is no stall.
        for layers in (one for one in model.modules() if isinstance(one, torch.nn.ModuleList)):
            for layer in layers:
                layer.register_forward_hook(self._note_step)

    def stalled_s(self) -> float:
        """Seconds without a token or a layer; from any thread."""
        return math.inf if self.is_lost else time.monotonic() - self.stepped

    def write(self, request: Request, on_step: Callable[[], None]) -> None:
        """Write an answer to its end; ``on_step`` is called after each token."""
        need = len(request.prompt) + request.max_new_tokens
        slot = Slot(list(request.prompt), need)
        output = SequenceOutput(request, slot, self._tokenizer, self._stop_ids)
        choice = _Choice(output, self.model.device)

        def has_ended() -> bool:
            self._note_step()
            on_step()
            return self.is_closed or choice.is_broken or output.has_ended()

        try:
            if not has_ended():
                self._generate(request, choice, has_ended)
        except Exception as error:  # noqa: BLE001 - only this request fails
            self._fail(request, error)
            return
        if choice.is_broken:
            request.publish(NO_NUMBERS)
        elif output.has_ended():
            output.finish()
        else:
            request.publish(CLOSED)

    @torch.inference_mode()
    def _generate(self, request: Request, choice: _Choice, has_ended: Callable[[], bool]) -> None:
        inputs = self._reader.inputs(request.prompt, request.unseen)
        config: Any = GenerationConfig
        self.model.generate(
            **{name: self._placed(tensor) for name, tensor in inputs.items()},
            generation_config=config(
                do_sample=False,  # the sampler chooses
                num_beams=1,
                repetition_penalty=1.0,
                max_new_tokens=request.max_new_tokens,
                eos_token_id=sorted(self._stop_ids),
                pad_token_id=min(self._stop_ids, default=0),
            ),
            logits_processor=LogitsProcessorList([choice]),
            stopping_criteria=StoppingCriteriaList([_Ended(has_ended)]),
        )

    def _note_step(self, *_: Any) -> None:
        self.stepped = time.monotonic()

    def _placed(self, tensor: Tensor) -> Tensor:
        is_picture = tensor.is_floating_point()
        return tensor.to(self.model.device, self.model.dtype if is_picture else None)

    def _fail(self, request: Request, error: Exception) -> None:
        self.is_lost = is_device_lost(error)
        if self.is_lost:
            log.error("device_lost", error=repr(error)[:300])
            return
        log.warning("answer_failed", error=type(error).__name__)
        if is_exhaustion(error):
            torch.cuda.empty_cache()
        if not request.cancelled:
            request.publish(failure_of(error))


class _Choice(LogitsProcessor):
    """Leaves ``generate`` one token: that of the sampler, which the output has taken."""

    def __init__(self, output: SequenceOutput, device: torch.device) -> None:
        self.is_broken = False  #: the logits were no numbers
        self._output = output
        self._sampler = Sampler(device)
        self._sampler.begin(0, output.request.sampling, output.request.prompt)

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> Any:  # noqa: ARG002
        """The scores, (1, vocabulary), with all but the chosen token ruled out."""
        token = self._sampler.choose(scores)[0]
        if token == INVALID_TOKEN:
            self.is_broken = True
            return torch.nan_to_num(scores)
        self._output.take(token)
        return torch.full_like(scores, -torch.inf).index_fill_(
            1, torch.tensor([token], device=scores.device), 0.0
        )


class _Ended(StoppingCriteria):
    """Stops ``generate`` where the answer has ended."""

    def __init__(self, has_ended: Callable[[], bool]) -> None:
        self._has_ended = has_ended

    def __call__(self, input_ids: torch.LongTensor, scores: Any, **_: Any) -> Any:  # noqa: ARG002
        """Whether the one sequence is over, (1,)."""
        return torch.tensor([self._has_ended()], device=input_ids.device)
