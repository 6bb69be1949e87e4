"""A data set read whole, and checked before minutes or hours are spent on it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from training.errors import TrainingError
from training.record_reading import read_record
from training.records import Kind, Record
from training.source_files import TEST, TRAIN, VALIDATION, SourceFiles, find_files

#: Of a file without splits, so many of a hundred prompts are held out.
HELD_OUT_PERCENT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """What is trained on, and what is only measured."""

    name: str
    kind: Kind
    train: tuple[Record, ...]
    held_out: tuple[Record, ...]
    held_out_name: str  #: the split that is held out
    card: str  #: the README that came with it
    checksum: str
    dropped: int = 0  #: duplicates left out


def read_dataset(path: Path, kind: Kind, *, drop_duplicates: bool = False) -> Dataset:
    """The data set at ``path``. Raises TrainingError for one that cannot be trained on."""
    files = find_files(path)
    train = _read(files, TRAIN, kind)
    name = next((split for split in (VALIDATION, TEST) if split in files.splits), "")
    if name:
        held_out = _read(files, name, kind)
    else:
        name, (train, held_out) = f"{HELD_OUT_PERCENT}% of {TRAIN}", _hold_out(train)
    if not train:
        raise TrainingError(
            f"{path} has no items to train on: judge or correct answers in the dashboard, and make "
            "the data set again"
        )
    dataset = Dataset(
        name=files.name,
        kind=kind,
        train=tuple(train),
        held_out=tuple(held_out),
        held_out_name=name,
        card=files.card,
        checksum=files.checksum(),
    )
    _check_classes(dataset)
    return _apart(dataset, drop_duplicates=drop_duplicates)


def _read(files: SourceFiles, split: str, kind: Kind) -> list[Record]:
    return [read_record(line, kind, where) for where, line in files.lines(split)]


def _hold_out(records: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """The two sides; equal prompts are on the same one, whatever else the file holds."""
    sides: tuple[list[Record], list[Record]] = ([], [])
    for record in records:
        words = "\0".join(message.content for message in record.prompt)
        place = hashlib.blake2s(words.encode(), digest_size=8).digest()
        sides[int.from_bytes(place) * 100 >> 64 < HELD_OUT_PERCENT].append(record)
    return sides


def _check_classes(dataset: Dataset) -> None:
    """Refuse what teaches nothing, or only one sentence."""
    train = dataset.train
    if dataset.kind is Kind.DPO:
        same = [record.id for record in train if len(set(record.answers)) == 1]
        if same:
            raise TrainingError(
                f"{len(same)} of {len(train)} pairs have the same answer twice (the first is "
                f"{same[0]}): one class teaches no preference; leave them out"
            )
    if len(train) > 1 and len({record.answers[0] for record in train}) == 1:
        raise TrainingError(
            f"all {len(train)} items have the same good answer: the model would learn to say only "
            "that; add other items"
        )


def _apart(dataset: Dataset, *, drop_duplicates: bool) -> Dataset:
    """Leave no item on both sides: it would be measured on what it has learnt by heart."""
    held_out = {record.identity for record in dataset.held_out}
    train = tuple(record for record in dataset.train if record.identity not in held_out)
    dropped = len(dataset.train) - len(train)
    if dropped and not drop_duplicates:
        raise TrainingError(
            f"{dropped} items of {TRAIN} stand in {dataset.held_out_name} as well, so that the "
            "measurement would flatter: make the data set again, or leave them out of the training "
            "with --drop-duplicates"
        )
    if not train:
        raise TrainingError(f"every item of {TRAIN} stands in {dataset.held_out_name} as well")
    return replace(dataset, train=train, dropped=dropped)
