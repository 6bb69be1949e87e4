"""The data set as the rows that one model learns from."""

from __future__ import annotations

from dataclasses import dataclass

from inference_worker.engines.local.loaded_model import context_window
from training.base_model import Base
from training.dataset import Dataset
from training.encoding import Encoded, Encoder, Fit
from training.errors import TrainingError
from training.order import Order, Say
from training.records import Kind, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The rows of both sides, and how they fit."""

    train: list[Encoded]
    held_out: list[Encoded]
    fit: Fit
    held_out_fit: Fit
    system: str

    def counts(self, dataset: Dataset) -> dict[str, object]:
        """For the card."""
        return {
            "items trained on": self.fit.records,
            "tokens trained on": self.fit.tokens,
            "longest item in tokens": self.fit.longest,
            "lost their oldest turns": self.fit.shortened,
            "too long, left out": len(self.fit.left_out),
            "duplicates left out": dataset.dropped,
            "held out": f"{self.held_out_fit.records} ({dataset.held_out_name})",
        }


def prepare(order: Order, base: Base, dataset: Dataset, say: Say) -> Prepared:
    """Encode both sides with the worker's prompt builder. Raises TrainingError."""
    checkpoint, parameters = base.checkpoint, order.parameters
    longest = context_window(checkpoint.card)
    window = min(parameters.window, longest)
    system = base.system_prompt if order.system is None else order.system
    encoder = Encoder(base.template, checkpoint.stop_ids, window=window, system=system)
    records: list[Record] = list(dataset.train)
    if parameters.every_answer and order.kind is Kind.SFT:
        records = [part for record in records for part in record.unrolled()]
    train, fit = encoder.encode_all(records)
    say(f"to train on: {fit.sentence(window)}")
    if not train:
        raise TrainingError(
            f"no item fits into the window of {window} tokens: raise --window (this model's own is "
            f"{longest})"
        )
    held_out, held_out_fit = encoder.encode_all(dataset.held_out)
    say(f"held out: {held_out_fit.sentence(window)}" if held_out else "nothing is held out")
    return Prepared(
        train=train, held_out=held_out, fit=fit, held_out_fit=held_out_fit, system=system
    )
