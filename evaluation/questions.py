"""Questions as all commands know them; ``question_files.py`` reads them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from inference_queue.protocol import Role

#: A category of questions that name none.
UNNAMED = "-"


class Spoken(BaseModel):
    """A message that stands before a question."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Role
    content: str


class AskedTurn(BaseModel):
    """One thing that is asked, and how its answer can be checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: Annotated[str, Field(min_length=1)]
    #: The only right answer; blanks, case and the final stop do not count.
    reference: str = ""
    #: A regular expression that a right answer contains.
    pattern: str = ""
    #: A right answer, for the judge alone.
    guide: str = ""

    @property
    def can_be_checked(self) -> bool:
        """Whether it says what a right answer is, beyond what the judge reads."""
        return bool(self.reference or self.pattern)


class Question(BaseModel):
    """A question with its turns, which are asked one after the other."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(min_length=1, max_length=200)]
    category: str = UNNAMED
    history: tuple[Spoken, ...] = ()
    turns: Annotated[tuple[AskedTurn, ...], Field(min_length=1, max_length=20)]

    @property
    def cluster(self) -> str:
        """Equal for questions of one conversation: those that begin with the same words."""
        first = next((one.content for one in self.history), self.turns[0].text)
        return hashlib.sha256(first.encode("utf-8", "replace")).hexdigest()[:16]

    @property
    def text_digest(self) -> str:
        """Of what is asked, whatever its id and category."""
        asked = [(one.role.value, one.content) for one in self.history]
        return _digest([asked, [turn.text for turn in self.turns]])


class QuestionSet(BaseModel):
    """The questions of a run; ``sha256``: of the file's bytes."""

    model_config = ConfigDict(frozen=True)

    name: str
    sha256: str
    questions: tuple[Question, ...]
    repeated: int = 0  #: questions that were left out because they ask the same as another

    @property
    def digest(self) -> str:
        """Equal for sets that ask the same under the same ids, whatever the form of the file."""
        return _digest([[one.id, one.text_digest] for one in self.questions])

    @property
    def turns(self) -> int:
        """Answers that a whole run has."""
        return sum(len(one.turns) for one in self.questions)


def without_repeated(questions: Sequence[Question]) -> list[Question]:
    """The first of those that ask the same."""
    first: dict[str, Question] = {}
    for one in questions:
        first.setdefault(one.text_digest, one)
    return list(first.values())


def file_sha256(path: Path) -> str:
    """The checksum of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _digest(content: object) -> str:
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
