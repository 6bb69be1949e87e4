"""Which texts of a sandbox chat its page shows whole."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from bot.admin.bot_settings.sandbox.shortening import BEGINNING_CHARS, shortened
from bot.domain.sandbox import SandboxAnswer, SandboxQuestion, SandboxSide


def asked(number: int, question: str, answer: str) -> SandboxQuestion:
    return SandboxQuestion(
        id=number,
        batch_id=uuid4(),
        question=question,
        asked_at=datetime.now(UTC),
        answers=(
            SandboxAnswer(side=SandboxSide.DRAFT, job_id=uuid4(), preset="demo", answer=answer),
        ),
    )


def test_the_newest_questions_are_whole_and_older_ones_begin() -> None:
    chat = [asked(number, "질" * 100, "답" * 100) for number in range(3)]
    shown = shortened(chat, room=400)
    assert [one.is_cut for one in shown] == [True, False, False]
    assert [one.question.id for one in shown] == [0, 1, 2]
    assert shown[0].question.question == "질" * BEGINNING_CHARS + "…"
    assert shown[0].question.answers[0].answer == "답" * BEGINNING_CHARS + "…"


def test_short_texts_are_never_cut() -> None:
    chat = [asked(1, "짧은 질문", "짧은 답변")]
    assert [one.question for one in shortened(chat, room=0)] == chat
