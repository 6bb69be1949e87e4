"""A chat on one page: its newest questions whole, the older ones by their beginnings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bot.domain.sandbox import SandboxQuestion

#: Characters of a page, so that 20 questions stay below 60 kB with their answers.
ROOM_CHARS = 7_000
#: Of each text for which no room is left.
BEGINNING_CHARS = 60


@dataclass(frozen=True, slots=True)
class ShownQuestion:
    """A question as the page shows it; ``is_cut``: some of its texts are longer."""

    question: SandboxQuestion
    is_cut: bool


def shortened(questions: Sequence[SandboxQuestion], room: int = ROOM_CHARS) -> list[ShownQuestion]:
    """The questions in their order; ``room``: characters that are shown whole, newest first."""
    shown = []
    for question in reversed(questions):
        length = sum(len(text) for text in _texts(question))
        is_cut = length > room and any(len(text) > BEGINNING_CHARS for text in _texts(question))
        shown.append(ShownQuestion(_begun(question) if is_cut else question, is_cut))
        room -= 0 if is_cut else length
    return shown[::-1]


def _texts(question: SandboxQuestion) -> Iterable[str]:
    return (question.question, *(answer.answer for answer in question.answers))


def _begun(question: SandboxQuestion) -> SandboxQuestion:
    answers = tuple(replace(one, answer=_beginning(one.answer)) for one in question.answers)
    return replace(question, question=_beginning(question.question), answers=answers)


def _beginning(text: str) -> str:
    return text if len(text) <= BEGINNING_CHARS else f"{text[:BEGINNING_CHARS]}…"
