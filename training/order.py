"""What somebody asks for."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from training.errors import TrainingError
from training.hyperparameters import Hyperparameters
from training.records import Kind

#: Takes a line for people.
Say = Callable[[str], None]

_NOT_INSTALLED = (
    "training needs the packages of the extra `train`, and {} is not installed: `make train` "
    "installs them, or `pip install --no-deps --require-hashes -r locks/train.txt`"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A training."""

    kind: Kind
    base: str  #: a preset, a hub id or a directory
    data: Path
    output: Path
    parameters: Hyperparameters
    cache_dir: Path
    system: str | None = None  #: None: the preset's
    evaluation: str = ""  #: Markdown for the card
    drop_duplicates: bool = False
    restart: bool = False

    @property
    def work(self) -> Path:
        """Where checkpoints are kept until the adapter is whole."""
        return self.output.with_name(f"{self.output.name}.training")


def check_installed() -> None:
    """Raise TrainingError for a package that is missing; nothing is imported."""
    for name in ("torch", "transformers", "peft", "datasets", "trl"):
        if importlib.util.find_spec(name) is None:
            raise TrainingError(_NOT_INSTALLED.format(name))
