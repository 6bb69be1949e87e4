"""A run is a folder: what it is of, its questions, and every answer and judgement so far."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from evaluation.errors import EvaluationError
from evaluation.json_lines import JsonLines
from evaluation.questions import QuestionSet
from evaluation.records import Answer, Asked, JudgeUsed, Manifest, Score

Record = TypeVar("Record", bound=BaseModel)

MANIFEST, QUESTIONS, JUDGE = "run.json", "questions.json", "judge.json"
#: Of a manifest: may differ when a run goes on.
_CHANGING = {"created_at"}


class RunFolder:
    """The folder of one engine's answers to one set of questions."""

    def __init__(self, path: Path, manifest: Manifest, questions: QuestionSet) -> None:
        self.path = path
        self.manifest = manifest
        self.questions = questions
        self.answers = JsonLines(path / "answers.jsonl", Answer)
        self.scores = JsonLines(path / "scores.jsonl", Score)

    @classmethod
    def begin(cls, path: Path, manifest: Manifest, questions: QuestionSet) -> RunFolder:
        """A new run, or the one that was begun there. Raises EvaluationError."""
        if is_run(path):
            found = cls.load(path)
            if differing := differences(found.manifest, manifest):
                raise EvaluationError(
                    f"{path} holds another run ({', '.join(differing)} differ): choose another "
                    "--run, or take the folder away."
                )
            return found
        write_record(path / QUESTIONS, questions)
        write_record(path / MANIFEST, manifest)
        return cls(path, manifest, questions)

    @classmethod
    def load(cls, path: Path) -> RunFolder:
        """The run in a folder. Raises EvaluationError."""
        manifest = read_record(path / MANIFEST, Manifest)
        questions = read_record(path / QUESTIONS, QuestionSet)
        if questions.digest != manifest.asked.digest:
            raise EvaluationError(f"{path / QUESTIONS} was changed: begin a new run.")
        return cls(path, manifest, questions)

    @property
    def judge(self) -> JudgeUsed | None:
        """The judge whose scores it holds."""
        path = self.path / JUDGE
        return read_record(path, JudgeUsed) if path.exists() else None

    def judge_with(self, judge: JudgeUsed) -> None:
        """Hold scores of this judge alone. Raises EvaluationError for a second one."""
        if self.judge not in (None, judge):
            raise EvaluationError(
                f"{self.path} was judged by {self.judge.model if self.judge else ''} with other "
                f"settings: name the same judge, or choose another --run."
            )
        write_record(self.path / JUDGE, judge)

    def by_turn(self) -> dict[tuple[str, int], Answer]:
        """The answers by question and turn."""
        return {(one.question, one.turn): one for one in self.answers.read()}


def is_run(path: Path) -> bool:
    """Whether the folder holds a run."""
    return (path / MANIFEST).is_file()


def asked(questions: QuestionSet) -> Asked:
    """What a manifest says of the questions."""
    return Asked(
        name=questions.name,
        sha256=questions.sha256,
        digest=questions.digest,
        questions=len(questions.questions),
        repeated=questions.repeated,
    )


def project_version() -> str:
    """The version of this project as it is installed."""
    try:
        return version("bllossom-messenger")
    except PackageNotFoundError:
        return "unknown"


def differences(one: BaseModel, other: BaseModel) -> list[str]:
    """The names of the fields that differ, those within others with dots."""
    found: list[str] = []
    for name in type(one).model_fields:
        mine, yours = getattr(one, name), getattr(other, name)
        if name in _CHANGING or mine == yours:
            continue
        is_nested = isinstance(mine, BaseModel) and isinstance(yours, BaseModel)
        found += [f"{name}.{deep}" for deep in differences(mine, yours)] if is_nested else [name]
    return found


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep every other process out of a folder, which is made. Raises EvaluationError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        file = (path / ".lock").open("w")
    except OSError as error:
        raise EvaluationError(
            f"{path} cannot be written ({error.strerror}): check --run."
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EvaluationError(
                f"{path} is in use by another evaluation: wait for it, or choose another --run."
            ) from None
        yield


def write_record(path: Path, record: BaseModel) -> None:
    """Write a whole file or none: what is read is never half written."""
    write_text(path, record.model_dump_json(indent=1) + "\n")


def write_text(path: Path, text: str) -> None:
    """As ``write_record``. Raises EvaluationError."""
    unfinished = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    except OSError as error:
        raise EvaluationError(f"{path} cannot be written ({error.strerror}).") from None


def read_record(path: Path, kind: type[Record]) -> Record:
    """The record in a file. Raises EvaluationError."""
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError:
        raise EvaluationError(
            f"{path} is missing: name the folder of a run, which `answer` or `logickor` makes."
        ) from None
    except ValidationError:
        raise EvaluationError(
            f"{path} is damaged, or of another version: begin a new run."
        ) from None
