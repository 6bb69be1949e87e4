"""A copy of the base with the adapter in its weights, for engines that take whole models."""

from __future__ import annotations

from pathlib import Path

from inference_worker.engines.local.checkpoints import Checkpoint, find_folder, load
from inference_worker.errors import EngineError
from training.errors import TrainingError
from training.files_beside import check_free, check_room, written_beside
from training.order import Say

#: The cards' number format: half of the bytes of float32.
DTYPE = "bfloat16"


def merge(base: str, adapter: Path, output: Path, *, cache_dir: Path, say: Say) -> None:
    """Write the merged model to ``output``; takes as much memory as the model in bfloat16.

    Raises TrainingError for an adapter of another base, and where the disk has no room.
    """
    check_free(output)
    try:
        folder = find_folder(base, cache_dir, say)
        check_room(output, _size(folder))
        checkpoint = load(
            str(folder), cache_dir=cache_dir, device="cpu", dtype=DTYPE, progress=say,
            adapter=str(adapter),
        )  # fmt: skip
    except EngineError as error:
        raise TrainingError(error.failure.message) from error
    say(f"writing {output}")
    with written_beside(output) as part:
        _write(checkpoint, part)
        card = adapter / "README.md"
        if card.is_file():
            (part / card.name).write_bytes(card.read_bytes())
    say(f"done: set WORKER_MODEL={output}, without WORKER_ADAPTER")


def _size(folder: Path) -> int:
    """Bytes of the base's weights: those of the copy, or twice as many."""
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def _write(checkpoint: Checkpoint, part: Path) -> None:
    checkpoint.tokenizer.save_pretrained(str(part))
    checkpoint.model.save_pretrained(str(part), max_shard_size="4GB")
