"""How a model is trained; the defaults suit an 8B model on one GPU and some hundred items."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from training.records import Kind

#: LoRA learns at ten times the rate of whole models; DPO moves a model that already answers.
LEARNING_RATES = {Kind.SFT: 2e-4, Kind.DPO: 2e-5}
EPOCHS = {Kind.SFT: 3.0, Kind.DPO: 2.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyperparameters:
    """As they stand in the model card. Sizes are in items, lengths in tokens."""

    learning_rate: float
    epochs: float
    batch_size: int = 2
    accumulation: int = 8  #: batches for each step
    window: int = 2048  #: prompt and answer together
    rank: int = 16
    alpha: int = 32
    dropout: float = 0.05
    warmup: float = 0.1  #: share of the steps
    beta: float = 0.1  #: DPO: how closely the model stays at its base
    four_bit: bool = False
    packing: bool = False  #: SFT
    every_answer: bool = False  #: SFT: learn the earlier answers of a conversation as well
    save_every: int = 0  #: steps; 0: ten times
    seed: int = 7

    @classmethod
    def defaults(cls, kind: Kind) -> Self:
        """The defaults of a kind."""
        return cls(learning_rate=LEARNING_RATES[kind], epochs=EPOCHS[kind])

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """From ``asdict``; names of other versions are left out."""
        known = {one.name for one in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})

    def table(self, kind: Kind) -> dict[str, object]:
        """Those that count for a kind."""
        others = {"beta"} if kind is Kind.SFT else {"packing", "every_answer"}
        return {n: value for n, value in asdict(self).items() if n not in {*others, "save_every"}}
