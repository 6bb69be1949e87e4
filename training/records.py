"""The items of a data set, as they are learnt from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from inference_queue.protocol import Message, Role


class Kind(StrEnum):
    """How a model learns."""

    SFT = "sft"  #: from good answers
    DPO = "dpo"  #: from pairs of a better and a worse answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Messages that end with a user's, and answers: the good one alone, or the better one first."""

    id: str
    prompt: tuple[Message, ...]
    answers: tuple[str, ...]

    @property
    def identity(self) -> tuple[object, ...]:
        """What two records have in common that teach the same."""
        words = ((m.role, " ".join(m.content.split())) for m in self.prompt)
        return (*words, *(" ".join(answer.split()) for answer in self.answers))

    def unrolled(self) -> Iterator[Record]:
        """A record for every answer of the conversation, each with the messages before it."""
        for at, message in enumerate(self.prompt):
            if message.role is Role.ASSISTANT:
                yield Record(
                    id=f"{self.id}/{at}", prompt=self.prompt[:at], answers=(message.content,)
                )
        yield self
