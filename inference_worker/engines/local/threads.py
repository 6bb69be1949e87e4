"""Which thread runs a model: the batch of many answers, or one answer after the other."""

from __future__ import annotations

from inference_worker.engines.local.checkpoints import Checkpoint
from inference_worker.engines.local.kv_budget import prefill_chunk
from inference_worker.engines.local.loaded_model import context_window
from inference_worker.engines.local.model_thread import ModelThread
from inference_worker.engines.local.processor_inputs import ProcessorReader
from inference_worker.engines.local.scheduler import Scheduler
from inference_worker.engines.local.sequential import SequentialScheduler


def model_thread(checkpoint: Checkpoint, *, slots: int) -> ModelThread:
    """The thread that suits the model, running. Raises ValueError for one that it cannot run."""
    window, model = context_window(checkpoint.card), checkpoint.model
    tokenizer = checkpoint.tokenizer.backend_tokenizer
    if isinstance(checkpoint.reader, ProcessorReader):
        if checkpoint.adapters:
            raise ValueError("adapters beside a model of this family: merge one (WORKER_ADAPTER)")
        return SequentialScheduler(
            model, tokenizer, checkpoint.stop_ids, reader=checkpoint.reader, window=window
        )
    return Scheduler(
        model,
        tokenizer,
        checkpoint.stop_ids,
        slots=slots,
        budget=window,
        prefill_chunk=prefill_chunk(model.device),
        adapters=checkpoint.adapters,
    )
