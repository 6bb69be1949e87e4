"""The sequences that are being written, advanced together: token ids and tensors, no text.

Slot ``n`` has row ``n`` of the cache. Slots that write come first, then those whose prompts are
still being prefilled in chunks, and last those whose prompts are scored, which wait for all others.
A slot that leaves is replaced by the last one of its kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog
import torch

from inference_queue.protocol import SamplingParams
from inference_worker.engines.local import masked_step
from inference_worker.engines.local.adapters.rows import RowAdapters
from inference_worker.engines.local.adapters.weights import LoraWeights
from inference_worker.engines.local.batch_memory import BatchMemory, Slot
from inference_worker.engines.local.kv_cache import ATTENTION, Plan, RowCache, Span, cache_name
from inference_worker.engines.local.ragged import Kernel, RaggedPlan
from inference_worker.engines.local.sampling import Sampler
from inference_worker.engines.local.step_choice import (
    Step,
    joined_step_for,
    kernel_for,
    packed_step_for,
    row_copies_for,
    score_for,
)
from inference_worker.engines.local.step_graphs import StepGraphs
from inference_worker.engines.local.step_inputs import Chunk, Shape, Work, unpack
from inference_worker.engines.local.token_scorer import ScoreSheet
from inference_worker.engines.local.vision import embedded, of_the_text

log = structlog.get_logger(__name__)


class Batch:
    """The slots of one model, and its memory. Belongs to one thread.

    ``budget`` bounds the tokens that there is memory for: slots and kept prefixes together. A
    sequence is admitted only where all fit at their full length. ``prefill_chunk`` is the maximum
    of prompt tokens that one step computes. ``kernel`` is the attention of steps at fixed shapes;
    by default a GPU's where the model can use it, and elsewhere masks and plain steps.
    ``adapters``: those that sequences may be written with.
    """

    def __init__(
        self,
        model: Any,
        *,
        max_slots: int,
        budget: int,
        prefill_chunk: int,
        kernel: Kernel | None = None,
        adapters: Sequence[LoraWeights] = (),
    ) -> None:
        if not getattr(model, "_supports_attention_backend", False):
            raise ValueError(f"{type(model).__name__} does not let its attention be chosen")
        model.set_attn_implementation(of_the_text(model, ATTENTION))
        # cuDNN plans for milliseconds in every layer whenever a length is new: at every step.
        torch.backends.cuda.enable_cudnn_sdp(False)
        self._kernel = kernel = kernel or kernel_for(model)
        layers = model.config.get_text_config().num_hidden_layers
        cache = RowCache(layers, row_copies_for(model) if kernel else None)
        self.slots: list[Slot] = []
        self.model = model
        self._device = model.device
        self._cache_argument = {cache_name(model): cache}
        self._plan: type[Plan | RaggedPlan] = RaggedPlan if kernel else Plan
        # A row has the same numbers beside any others: with adapters all steps go one way.
        self._own: Step | None = None
        if not adapters:
            self._own = joined_step_for(model, kernel) if kernel else packed_step_for(model)
        self._graphs = StepGraphs(
            self._compute, lambda: cache.generation, device=self._device, max_rows=max_slots
        )
        self._kernel_works = False  # it has computed a step of this model
        self._memory = BatchMemory(
            cache, max_slots=max_slots, budget=budget, lasting=kernel is not None
        )
        self._adapters = RowAdapters(model, adapters, rows=max_slots)
        self._sampler = Sampler(self._device, score_for(model) if kernel else None)
        self._max_slots = max_slots
        self._prefill_chunk = prefill_chunk

    @property
    def cached_tokens(self) -> int:
        """Tokens that the slots have memory for; from any thread."""
        return self._memory.cache.tokens

    @property
    def kept_tokens(self) -> int:
        """Tokens of finished sequences that are kept for the next turn; from any thread."""
        return self._memory.kept_tokens

    @property
    def budget(self) -> int:
        """Tokens that there is memory for; from any thread."""
        return self._memory.budget

    @property
    def vocabulary(self) -> int:
        """How many token ids the model can read; from any thread."""
        return int(self.model.get_input_embeddings().num_embeddings)

    @property
    def reused(self) -> int:
        """Tokens of prompts found computed already, since the start; from any thread."""
        return self._memory.reused

    @property
    def prefilling(self) -> list[Slot]:
        """Slots whose prompts have not been computed yet, in their order."""
        return [slot for slot in self.slots if not slot.writing]

    def token_bytes(self) -> dict[torch.device, int]:
        """What a token takes on each device; nothing before the first step."""
        return self._memory.cache.token_bytes()

    def allow(self, budget: int) -> None:
        """Set the budget, in whole chunks and one at least."""
        self._memory.allow(budget)

    def fits(self, need: int) -> bool:
        """Whether one more sequence of at most ``need`` tokens can be admitted now."""
        if len(self.slots) == self._max_slots:
            return False
        plain = [slot for slot in self.prefilling if not slot.scores_prompt]
        if sum(len(slot.tokens) - slot.cached for slot in plain) >= self._prefill_chunk:
            return False
        return self._memory.has_room([need, *(slot.need for slot in self.slots)])

    @torch.inference_mode()
    def add(
        self,
        prompt: Sequence[int],
        sampling: SamplingParams,
        *,
        need: int,
        key: str = "",
        seen: torch.Tensor | None = None,
        sheet: ScoreSheet | None = None,
        adapter: str = "",
    ) -> Slot:
        """Admit a sequence that ``fits``, with the kept prefix of its conversation.

        ``seen``: of its pictures' tokens. Other pictures have the same tokens, so that it takes
        no kept prefix and leaves none. ``sheet``: where its tokens' scores are put; with those of
        its prompt it takes no prefix either. ``adapter``: its name; a ``key`` is of one alone.
        """
        number = self._adapters.number(adapter)
        slot = Slot(list(prompt), need, key, seen=seen, sheet=sheet, adapter=number)
        if seen is not None or slot.scores_prompt:
            slot.key = ""
        index, end = len(self.slots), masked_step.plain_end(self.slots)
        self._memory.restore(index, slot, self.slots)
        self._sampler.begin(index, sampling, prompt)
        slots = [*self.slots, slot]
        if end < index and not slot.scores_prompt:
            self._memory.exchange(end, index, slots)
            self._sampler.exchange(end, index)
            slots[end], slots[index] = slots[index], slots[end]
        self.slots = slots
        return slot

    @torch.inference_mode()
    def step(self, *, max_prefilling: int | None = None) -> list[tuple[Slot, int]]:
        """One more token of every slot that writes, and a chunk of the prompts being prefilled.

        ``max_prefilling`` bounds how many prompts take part.

        Returns the tokens chosen, INVALID_TOKEN (see sampling) where the logits were no numbers.
        After an error nothing has changed, and the same step may be tried again.
        """
        prefilling = self.prefilling
        writing = self.slots[: len(self.slots) - len(prefilling)]
        spans = masked_step.spans_of(prefilling[:max_prefilling], len(writing), self._prefill_chunk)
        ends = [slot.cached + 1 for slot in writing] + [span.stop for span in spans]
        # One more: padding writes there (see step_inputs).
        self._memory.make_room(len(self.slots), max(ends) + bool(self._kernel), self.slots)
        self._adapters.assign([slot.adapter for slot in self.slots])
        logits = self._forward(writing, spans)
        pairs = zip(prefilling, spans, strict=False)
        begun = [slot for slot, span in pairs if span.stop == len(slot.tokens)]
        done = [*writing, *begun]
        chosen = self._sampler.propose(logits[: len(done)]) if done else []
        measured = masked_step.measured_in(logits, self.slots, len(writing), spans, chosen)
        self._sampler.take(chosen)
        for sheet, scores in measured:
            sheet.found += scores
        for slot, end in zip(self.slots, ends, strict=False):
            slot.cached = end
        for slot, token in zip(done, chosen, strict=True):
            slot.tokens.append(token)
            slot.writing, slot.seen = True, None
        return list(zip(done, chosen, strict=True))

    @torch.inference_mode()
    def remove(self, slot: Slot, *, keep: bool = True) -> None:
        """Remove a slot; with a key, its computed prefix is kept while there is room."""
        index = self.slots.index(slot)
        if keep and slot.key and slot.cached:
            self._memory.keep(index, slot)
        writing = len(self.slots) - len(self.prefilling)
        for last in (writing - 1, masked_step.plain_end(self.slots) - 1, len(self.slots) - 1):
            if index < last and index < len(self.slots):
                self._move(last, index)
                index = last
        del self.slots[index]
        if not self.slots:
            self._memory.release()

    def forget(self) -> int:
        """Drop all that is kept for later; returns how many tokens of prefixes were freed."""
        self._graphs.drop()
        return self._memory.forget()

    def clear(self) -> None:
        """Remove everything."""
        self.slots.clear()
        self._graphs.drop()
        self._memory.clear()

    def _forward(self, writing: Sequence[Slot], spans: Sequence[Span]) -> torch.Tensor:
        """The logits of each slot's last token in this step, (slots, vocabulary), then others.

        A model that the kernel turns out not to suit goes on with masks.
        """
        rows = [self.slots[span.row] for span in spans]
        if self._kernel is None or any(s.seen is not None or s.scores_prompt for s in rows):
            return self._forward_masked(writing, spans)
        chunks = [Chunk(s.row, s.start, self.slots[s.row].tokens[s.start : s.stop]) for s in spans]
        newest, positions = [one.tokens[-1] for one in writing], [one.cached for one in writing]
        work = Work(newest, positions, chunks, self._is_adapted(writing, spans))
        try:
            logits = self._graphs.logits(work)
        except RuntimeError as error:
            if self._kernel_works or isinstance(
                error, torch.OutOfMemoryError | torch.AcceleratorError
            ):
                raise
            log.warning("kernel_off", error=type(error).__name__, reason=str(error)[:200])
            self._kernel = None
            return self._forward_masked(writing, spans)
        self._kernel_works = True
        return logits

    def _compute(self, vector: torch.Tensor, shape: Shape) -> torch.Tensor:
        """The logits, (outcomes, vocabulary), of a packed step."""
        if self._kernel is None:
            raise RuntimeError("packed steps need a kernel")
        ids, plan, last = unpack(vector, shape, self._kernel)
        return self._logits(ids, plan, last, adapted=shape.adapted)

    def _logits(
        self,
        ids: torch.Tensor,
        plan: Plan | RaggedPlan,
        last: torch.Tensor,
        *,
        adapted: bool,
        sees: bool = False,
    ) -> torch.Tensor:
        """The logits, (outcomes, vocabulary), of the tokens of ``ids`` (1, tokens) in ``last``.

        ``adapted``: some rows have an adapter. ``sees``: spans of the plan have pictures.
        """
        if self._own is not None and isinstance(plan, self._plan) and not sees:
            return self._own(ids, plan, last, self._memory.cache)
        self._memory.cache.plan = plan
        with self._adapters.applied(plan.places[0] if adapted else None):
            logits: torch.Tensor = self.model(
                None if sees else ids,
                inputs_embeds=embedded(self.model, ids, plan, self.slots) if sees else None,
                position_ids=plan.places[1:],
                use_cache=True,
                # Those of a whole prompt would take gigabytes: 6,144 x 128,256 floats.
                logits_to_keep=last,
                plan=plan,
                **self._cache_argument,
            ).logits
        return logits[0]

    def _forward_masked(self, writing: Sequence[Slot], spans: Sequence[Span]) -> torch.Tensor:
        """The same on any device, and on several."""
        *vectors, wanted = masked_step.pack(self.slots, writing, spans)
        step = torch.tensor(vectors, device=self._device)
        plan = Plan([slot.cached for slot in writing], list(spans), step[1:])
        sees = any(self.slots[span.row].seen is not None for span in spans)
        return self._logits(
            step[:1],
            plan,
            torch.tensor(wanted, device=self._device),
            adapted=self._is_adapted(writing, spans),
            sees=sees,
        )

    def _is_adapted(self, writing: Sequence[Slot], spans: Sequence[Span]) -> bool:
        """Whether an adapter takes part in the step."""
        return any(slot.adapter for slot in [*writing, *(self.slots[s.row] for s in spans)])

    def _move(self, source: int, target: int) -> None:
        slot = self.slots[source]
        if slot.cached:
            self._memory.cache.move(source, target, slot.cached)
        self._sampler.move(source, target)
        self.slots[target] = slot
