"""TRL's trainers over rows that are token ids already: nothing of it renders or cuts a text."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import trl
from datasets import Dataset
from peft import LoraConfig
from transformers import PrinterCallback, TrainerCallback
from transformers.utils.import_utils import is_flash_attn_2_available

from training.base_model import Base
from training.encoding import Encoded
from training.errors import TrainingError
from training.hyperparameters import Hyperparameters
from training.progress import Progress
from training.records import Kind
from training.resuming import mark_whole

#: Checkpoints of a training, where nothing else is asked for.
CHECKPOINTS = 10
NO_FLASH_ATTENTION = (
    "--packing needs FlashAttention (`pip install flash-attn`) on a GPU: without it, packed "
    "conversations read each other; leave it out"
)


def make_trainer(
    kind: Kind,
    base: Base,
    rows: tuple[Sequence[Encoded], Sequence[Encoded]],
    parameters: Hyperparameters,
    work: Path,
    say: Callable[[str], None],
) -> Any:
    """A trainer of TRL with fresh LoRA weights; ``rows`` to train on, and held out.

    Raises TrainingError.
    """
    train, held_out = (Dataset.from_list(_columns(kind, side)) for side in rows)
    config: Any = trl.SFTConfig if kind is Kind.SFT else trl.DPOConfig
    trainer: Any = trl.SFTTrainer if kind is Kind.SFT else _tokenized_dpo(trl.DPOTrainer)
    made = trainer(
        model=base.checkpoint.model,
        args=config(**_arguments(kind, base, parameters, work, len(train))),
        train_dataset=train,
        eval_dataset=held_out if len(held_out) else None,
        processing_class=base.checkpoint.tokenizer,
        peft_config=LoraConfig(
            r=parameters.rank,
            lora_alpha=parameters.alpha,
            lora_dropout=parameters.dropout,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
        callbacks=[Reporter(say)],
    )
    made.remove_callback(PrinterCallback)
    return made


def _columns(kind: Kind, rows: Sequence[Encoded]) -> list[dict[str, list[int]]]:
    return [row.sft_row() if kind is Kind.SFT else row.dpo_row() for row in rows]


def _tokenized_dpo(trainer: Any) -> Any:
    """TRL's trainer, which takes token ids for SFT, and renders texts itself for DPO."""
    return type("TokenizedDPOTrainer", (trainer,), {"_prepare_dataset": _as_it_is})


def _as_it_is(_trainer: Any, dataset: Any, *_: Any) -> Any:
    return dataset


def _arguments(
    kind: Kind, base: Base, parameters: Hyperparameters, work: Path, items: int
) -> dict[str, Any]:
    step_items = parameters.batch_size * parameters.accumulation
    steps = max(1, round(parameters.epochs * items / step_items))
    shared = {
        "output_dir": str(work),
        "learning_rate": parameters.learning_rate,
        "num_train_epochs": parameters.epochs,
        "per_device_train_batch_size": parameters.batch_size,
        "per_device_eval_batch_size": parameters.batch_size,
        "gradient_accumulation_steps": parameters.accumulation,
        "gradient_checkpointing": base.on_gpu,
        "lr_scheduler_type": "cosine",
        "warmup_steps": round(parameters.warmup * steps),
        "seed": parameters.seed,
        "bf16": base.on_gpu,
        "use_cpu": not base.on_gpu,
        # The rows fit already; TRL cuts nothing.
        "max_length": parameters.window,
        "eval_strategy": "no",
        "save_strategy": "steps",
        "save_steps": parameters.save_every or max(1, steps // CHECKPOINTS),
        "save_total_limit": 2,
        "logging_steps": max(1, steps // 50),
        "report_to": [],
        "disable_tqdm": True,
        "log_level": "error",
        "dataloader_pin_memory": base.on_gpu,
    }
    if kind is Kind.DPO:
        return {**shared, "beta": parameters.beta}
    if parameters.packing:
        _separate_packed(base)
    return {**shared, "packing": parameters.packing}


def _separate_packed(base: Base) -> None:
    """Let no packed conversation read another. Raises TrainingError where that cannot be."""
    if not base.on_gpu or not is_flash_attn_2_available():
        raise TrainingError(NO_FLASH_ATTENTION)
    base.checkpoint.model.set_attn_implementation("flash_attention_2")


class Reporter(TrainerCallback):
    """Tells the progress, and marks checkpoints that are whole."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._progress = Progress(started_s=time.monotonic())

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """The clock starts; a training that goes on has steps behind it."""
        self._progress = Progress(started_s=time.monotonic(), first_step=state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, **more: Any) -> None:  # noqa: ARG002
        """A line for every log of the training."""
        logs = more.get("logs") or {}
        if "loss" in logs:
            step, steps = state.global_step, state.max_steps
            self._say(self._progress.line(step, steps, time.monotonic(), logs))

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Everything of the checkpoint is written."""
        mark_whole(Path(args.output_dir) / f"checkpoint-{state.global_step}")
