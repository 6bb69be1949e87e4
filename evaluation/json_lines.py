"""Files of JSON lines that are only ever appended to, and survive a kill."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from evaluation.errors import EvaluationError

Record = TypeVar("Record", bound=BaseModel)


class JsonLines(Generic[Record]):
    """The records of one kind, in the order of their arrival.

    A kill may leave half a line at the end: it is dropped when the file is read.
    """

    def __init__(self, path: Path, kind: type[Record]) -> None:
        self._path = path
        self._kind = kind

    def read(self) -> list[Record]:
        """All whole records. Raises EvaluationError for a damaged one."""
        if not self._path.exists():
            return []
        content = self._path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(self._path, whole)
        lines = content[:whole].splitlines()
        return [self._parsed(line, number) for number, line in enumerate(lines, 1)]

    def append(self, record: Record) -> None:
        """Add a record, on the disk once this returns. Raises EvaluationError."""
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(record.model_dump_json() + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise EvaluationError(
                f"{self._path} cannot be written ({error.strerror}): make room and start the same "
                "command again; it goes on where it stopped."
            ) from None

    def _parsed(self, line: bytes, number: int) -> Record:
        try:
            return self._kind.model_validate_json(line)
        except ValidationError:
            raise EvaluationError(
                f"{self._path}, line {number} is damaged: take the line out, or begin a new run."
            ) from None
