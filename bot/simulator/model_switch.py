"""A switch for the model of the local run: at its speed, slow, or dead.

The bot does not run the model. It leaves the wish in a file of the data directory, and the program
that started the worker (onebox) slows the process down or stops it. Without that program there is
no file, and no switch.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

FILE = "model-switch"


class ModelState(StrEnum):
    """What the person at this machine wants of the model."""

    WORKS = "works"
    SLOW = "slow"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class ModelSwitch:
    """The file of the switch."""

    path: Path

    @classmethod
    def of(cls, data_dir: Path) -> ModelSwitch:
        """The switch of the local run with this data directory."""
        return cls(data_dir / FILE)

    @property
    def state(self) -> ModelState | None:
        """The present wish; None where nobody would carry it out."""
        try:
            return ModelState(self.path.read_text("ascii").strip())
        except (OSError, ValueError):
            return None

    def set(self, state: ModelState) -> None:
        """Leave another wish; raises OSError."""
        fresh = self.path.with_suffix(".new")
        fresh.write_text(state, "ascii")
        fresh.replace(self.path)

    def remove(self) -> None:
        """From now on nobody carries it out."""
        self.path.unlink(missing_ok=True)
