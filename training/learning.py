"""The training itself: measured before and after, and going on where it was killed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch

from training.base_model import Base
from training.dataset import Dataset
from training.errors import TrainingError
from training.order import Order, Say
from training.preparing import Prepared
from training.resuming import STARTED, begin, newest_whole, write_json
from training.trainers import make_trainer
from training.training_record import measures

_BEFORE = "before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """The model with its adapter, and what was measured on the held-out rows."""

    model: Any  #: peft's
    before: dict[str, float]
    after: dict[str, float]


def learn(order: Order, base: Base, dataset: Dataset, prepared: Prepared, say: Say) -> Learnt:
    """Train, and measure. Blocks. Raises TrainingError."""
    noted = begin(order.work, _settings(order, base, dataset, prepared), restart=order.restart)
    rows = (prepared.train, prepared.held_out)
    trainer = make_trainer(order.kind, base, rows, order.parameters, order.work, say)
    checkpoint = newest_whole(order.work)
    try:
        before = noted.get(_BEFORE)
        if before is None:
            before = _measure(trainer, prepared, say, "before")
            write_json(order.work / STARTED, {**noted, _BEFORE: before})
        if checkpoint:
            say(f"going on at {checkpoint.name}, after an interruption")
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        return Learnt(
            model=trainer.model,
            before=before,
            after=_measure(trainer, prepared, say, "after"),
        )
    except torch.OutOfMemoryError as error:
        raise TrainingError(
            "the GPU's memory is full: lower --window, set --batch-size 1 with a larger "
            "--accumulation, or use --four-bit"
        ) from error


def _settings(order: Order, base: Base, dataset: Dataset, prepared: Prepared) -> dict[str, Any]:
    """What must be the same when the training goes on."""
    return {
        "kind": order.kind.value,
        "base": base.name,
        "data": dataset.checksum,
        "system prompt": prepared.system,
        **{f"--{name.replace('_', '-')}": v for name, v in asdict(order.parameters).items()},
    }


def _measure(trainer: Any, prepared: Prepared, say: Say, when: str) -> dict[str, float]:
    if not prepared.held_out:
        return {}
    found = measures(trainer.evaluate())
    say(f"{when}: " + ", ".join(f"{name} {value:.3f}" for name, value in found.items()))
    return found
