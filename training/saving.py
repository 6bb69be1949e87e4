"""The adapter's folder: weights, record and card, whole or not there."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from inference_worker.engines.local.adapter_check import fingerprint
from inference_worker.engines.local.adapter_files import CONFIG
from training.base_model import Base
from training.dataset import Dataset
from training.errors import TrainingError
from training.files_beside import written_beside
from training.learning import Learnt
from training.licences import licence_of
from training.model_card import model_card
from training.order import Order
from training.preparing import Prepared
from training.resuming import read_json, write_json
from training.training_record import TrainingRecord, commit, package_versions

CARD = "README.md"


def save(
    order: Order, base: Base, dataset: Dataset, prepared: Prepared, learnt: Learnt
) -> TrainingRecord:
    """Write the adapter to ``order.output``. Raises TrainingError where the disk is full."""
    record = _record(order, base, dataset, prepared, learnt)
    with written_beside(order.output) as folder:
        learnt.model.save_pretrained(str(folder))
        _name_base(folder / CONFIG, base.name)
        record.write(folder)
        (folder / CARD).write_text(model_card(record, order.evaluation), "utf-8")
    return record


def _record(
    order: Order, base: Base, dataset: Dataset, prepared: Prepared, learnt: Learnt
) -> TrainingRecord:
    config = base.checkpoint.model.config
    licence = licence_of(
        [base.name, base.folder.name],
        base.folder,
        model_type=config.model_type,
        vocabulary=config.vocab_size,
    )
    return TrainingRecord(
        name=f"{licence.name_prefix}{order.output.name}",
        kind=order.kind.value,
        base=_public_name(base.name),
        base_fingerprint=fingerprint(base.checkpoint.model),
        licence=licence.key,
        duties=list(licence.duties),
        data=dataset.name,
        data_sha256=dataset.checksum,
        data_card=dataset.card,
        counts=prepared.counts(dataset),
        hyperparameters=order.parameters.table(order.kind),
        system_prompt=prepared.system,
        before=learnt.before,
        after=learnt.after,
        commit=commit(),
        trained_at=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=package_versions(),
    )


def _public_name(name: str) -> str:
    """The hub's id; of a directory its name alone, as a card is for others."""
    path = Path(name).expanduser()
    return path.resolve().name if path.is_dir() else name


def _name_base(config: Path, name: str) -> None:
    """Let peft's file name the model instead of the folder that it was loaded from."""
    values = read_json(config)
    if values is None:
        raise TrainingError(f"peft has written no {config.name}: report its version")
    path = Path(name).expanduser()
    write_json(
        config,
        {**values, "base_model_name_or_path": str(path.resolve()) if path.is_dir() else name},
    )
