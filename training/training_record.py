"""What is known of a training: kept beside the adapter as ``training.json``."""

from __future__ import annotations

import subprocess
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from inference_worker.engines.local.adapter_files import TRAINING
from training.errors import TrainingError
from training.resuming import read_json, write_json

#: The packages that decide on the weights.
PACKAGES = ("trl", "peft", "transformers", "torch", "accelerate", "bitsandbytes")
#: What TRL measures, as the card shows it.
MEASURES = {
    "eval_loss": "loss",
    "eval_mean_token_accuracy": "token accuracy",
    "eval_rewards/accuracies": "reward accuracy",
    "eval_rewards/margins": "reward margin",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRecord:
    """Everything that the model card tells."""

    name: str
    kind: str
    base: str
    base_fingerprint: str  #: see ``adapter_check.fingerprint``
    licence: str
    duties: list[str]
    data: str
    data_sha256: str
    data_card: str
    counts: dict[str, Any]
    hyperparameters: dict[str, Any]
    system_prompt: str
    before: dict[str, float]
    after: dict[str, float]
    commit: str
    trained_at: str
    versions: dict[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Keep it beside the adapter."""
        write_json(folder / TRAINING, asdict(self))


def read_record_of(adapter: Path) -> TrainingRecord:
    """The record of an adapter. Raises TrainingError."""
    values = read_json(adapter / TRAINING)
    if values is None:
        raise TrainingError(
            f"{adapter} holds no {TRAINING}: the card can be written for adapters made by "
            "`python -m training` only"
        )
    try:
        return TrainingRecord(**values)
    except TypeError as error:
        raise TrainingError(f"{adapter / TRAINING} is of another version: {error}") from error


def measures(metrics: dict[str, float]) -> dict[str, float]:
    """Of everything that a trainer measures, what a reader can use."""
    return {word: metrics[name] for name, word in MEASURES.items() if name in metrics}


def package_versions() -> dict[str, str]:
    """The versions of what trains."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def commit() -> str:
    """The commit of this code, or its version where there is no repository."""
    command = [
        "git",
        "-C",
        str(Path(__file__).parent),
        "describe",
        "--always",
        "--dirty",
        "--abbrev=40",
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)  # noqa: S603 - our own
    except (OSError, subprocess.SubprocessError):
        try:
            return version("bllossom-messenger")
        except PackageNotFoundError:
            return "unknown"
    return done.stdout.strip()
