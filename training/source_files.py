"""The files of a data set: a folder or a ZIP of the dashboard, or one JSONL file."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from training.errors import TrainingError

#: The files by whose names `datasets` and the dashboard know the splits.
TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = (TRAIN, VALIDATION, TEST)
CARD = "README.md"
#: A line is an item: a conversation of this size fits no context window.
MAX_LINE_BYTES = 4 << 20
MAX_CARD_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFiles:
    """What there is of a data set; each file is opened when it is read."""

    name: str
    card: str  #: its README, "" without one
    splits: dict[str, Callable[[], IO[bytes]]] = field(default_factory=dict)

    def lines(self, split: str) -> Iterator[tuple[str, bytes]]:
        """Where each line that is not blank stands, and the line. Raises TrainingError."""
        for number, line in enumerate(self._raw_lines(split), 1):
            where = f"{split}.jsonl, line {number}"
            if len(line) > MAX_LINE_BYTES:
                raise TrainingError(f"{where} is longer than {MAX_LINE_BYTES >> 20} MiB")
            if line.strip():
                yield where, line

    def _raw_lines(self, split: str) -> Iterator[bytes]:
        try:
            with self.splits[split]() as file:
                while line := file.readline(MAX_LINE_BYTES + 1):
                    yield line
        except (zipfile.BadZipFile, zlib.error, RuntimeError) as error:  # damaged, or encrypted
            raise TrainingError(
                f"{split}.jsonl cannot be unpacked ({error}): export the data set again"
            ) from error

    def checksum(self) -> str:
        """SHA-256 of all splits, to name the data exactly."""
        digest = hashlib.sha256()
        for split in SPLITS:
            if split in self.splits:
                digest.update(f"{split}\n".encode())
                with self.splits[split]() as file:
                    while block := file.read(1 << 20):
                        digest.update(block)
        return digest.hexdigest()


def find_files(path: Path) -> SourceFiles:
    """The files of the data set at ``path``. Raises TrainingError."""
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise TrainingError(f"there is no data set at {path}: give the exported ZIP or its folder")
    return _packed(path) if zipfile.is_zipfile(path) else _single(path)


def _folder(path: Path) -> SourceFiles:
    found = {split: (path / f"{split}.jsonl") for split in SPLITS}
    splits = {split: _opener(file) for split, file in found.items() if file.is_file()}
    if TRAIN not in splits:
        raise TrainingError(f"{path} holds no {TRAIN}.jsonl: unpack the dashboard's ZIP there")
    card = path / CARD
    return SourceFiles(
        name=path.resolve().name, card=_text(card.open("rb")) if card.is_file() else "",
        splits=splits,
    )  # fmt: skip


def _packed(path: Path) -> SourceFiles:
    with zipfile.ZipFile(path) as packed:
        names = {Path(name).name: name for name in packed.namelist()}
        card = _text(packed.open(names[CARD])) if CARD in names else ""
    splits = {
        split: _member_opener(path, names[f"{split}.jsonl"])
        for split in SPLITS
        if f"{split}.jsonl" in names
    }
    if TRAIN not in splits:
        raise TrainingError(f"{path} holds no {TRAIN}.jsonl: export the data set again")
    return SourceFiles(name=path.stem, card=card, splits=splits)


def _single(path: Path) -> SourceFiles:
    return SourceFiles(name=path.stem, card="", splits={TRAIN: _opener(path)})


def _opener(path: Path) -> Callable[[], IO[bytes]]:
    return lambda: path.open("rb")


def _member_opener(path: Path, name: str) -> Callable[[], IO[bytes]]:
    return lambda: zipfile.ZipFile(path).open(name)


def _text(file: IO[bytes]) -> str:
    with file:
        return file.read(MAX_CARD_BYTES).decode("utf-8", "replace")
