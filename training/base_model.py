"""The base model, loaded by the worker's own loader: the adapter fits what the worker runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from inference_queue.presets import PRESETS
from inference_worker.engines.local.checkpoints import FOUR_BIT, Checkpoint, load
from inference_worker.errors import EngineError
from inference_worker.prompt.chat_template import ChatTemplate
from training.errors import TrainingError

NO_GPU_FOR_FOUR_BITS = (
    "--four-bit needs an NVIDIA GPU that torch can use, and there is none: leave it out (a small "
    "model trains on the CPU), or run this on a machine with one"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What is trained upon."""

    checkpoint: Checkpoint
    template: ChatTemplate
    folder: Path  #: where its files are
    on_gpu: bool

    @property
    def name(self) -> str:
        """The hub's id, or the directory."""
        return self.checkpoint.card.name

    @property
    def system_prompt(self) -> str:
        """The preset's, which the worker's prompts begin with."""
        return PRESETS[self.checkpoint.card.preset].system_prompt


def load_base(
    name: str, *, cache_dir: Path, four_bit: bool, say: Callable[[str], None], adapter: str = ""
) -> Base:
    """Load the base for training, on the first GPU or the CPU. Raises TrainingError."""
    on_gpu = torch.cuda.is_available()
    if four_bit and not on_gpu:
        raise TrainingError(NO_GPU_FOR_FOUR_BITS)
    try:
        checkpoint = load(
            name,
            cache_dir=cache_dir,
            device="cuda:0" if on_gpu else "cpu",
            dtype=FOUR_BIT if four_bit else None,
            progress=say,
            adapter=adapter,
        )
    except EngineError as error:
        raise TrainingError(error.failure.message) from error
    return Base(
        checkpoint=checkpoint,
        template=ChatTemplate(checkpoint.tokenizer),
        folder=Path(checkpoint.model.name_or_path),
        on_gpu=on_gpu,
    )
