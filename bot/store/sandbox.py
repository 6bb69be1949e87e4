"""The sandbox chats: one by user and scope, short, and kept for a day.

The commits are the caller's. Functions that delete questions return their batches of background
jobs, which the caller cancels.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    Text,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.bot_config import Scope
from bot.domain.sandbox import SandboxAnswer, SandboxQuestion, SandboxSide
from bot.store.schema import sandbox_answers, sandbox_questions

#: Questions of a chat; older ones are deleted.
MAX_QUESTIONS = 20
KEPT_HOURS = 24
#: Questions deleted in one transaction.
_STEP = 200
#: One question of a user at a time.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('sandbox:' || :owner, 0))").bindparams(
    bindparam("owner", type_=Text)
)


async def lock(connection: AsyncConnection, owner: str) -> None:
    """Let other questions of the user wait until the transaction ends."""
    await connection.execute(_LOCK, {"owner": owner})


async def count_open(connection: AsyncConnection, owner: str) -> int:
    """The user's answers that are still to come, in all chats."""
    statement = (
        select(func.count())
        .select_from(sandbox_answers.join(sandbox_questions))
        .where(sandbox_questions.c.owner == owner, sandbox_answers.c.answered_at.is_(None))
    )
    return await connection.scalar(statement) or 0


async def add(
    connection: AsyncConnection,
    owner: str,
    scope: Scope,
    question: str,
    batch_id: UUID,
    answers: Sequence[SandboxAnswer],
) -> None:
    """Add a question with its open answers."""
    row = {"owner": owner, **scope._asdict(), "question": question, "batch_id": batch_id}
    new = insert(sandbox_questions).values(row).returning(sandbox_questions.c.id)
    question_id = (await connection.execute(new)).scalar_one()
    rows = [
        {
            "question_id": question_id,
            "side": answer.side.value,
            "job_id": answer.job_id,
            "preset": answer.preset,
        }
        for answer in answers
    ]
    await connection.execute(insert(sandbox_answers), rows)


async def read_chat(connection: AsyncConnection, owner: str, scope: Scope) -> list[SandboxQuestion]:
    """The user's questions about the scope, the oldest first."""
    newest = (
        select(sandbox_questions)
        .where(_is_of(owner, scope))
        .order_by(sandbox_questions.c.id.desc())
        .limit(MAX_QUESTIONS)
    )
    questions = list(reversed((await connection.execute(newest)).all()))
    ids = [question.id for question in questions]
    wanted = select(sandbox_answers).where(sandbox_answers.c.question_id.in_(ids))
    rows = await connection.execute(wanted.order_by(sandbox_answers.c.side))
    answers = [(row.question_id, _answer(row)) for row in rows]
    return [_question(row, [one for of, one in answers if of == row.id]) for row in questions]


async def hold(connection: AsyncConnection, question_id: int) -> bool:
    """Lock a question before its jobs, as its deletion does; False: it is gone."""
    wanted = select(sandbox_questions.c.id).where(sandbox_questions.c.id == question_id)
    return await connection.scalar(wanted.with_for_update()) is not None


async def settle(connection: AsyncConnection, answer: SandboxAnswer) -> None:
    """Write down an answer that has come, or its failure."""
    table = sandbox_answers.c
    new = {
        "answered_at": func.now(),
        "answer": answer.answer,
        "outcome": answer.outcome,
        "completion_tokens": answer.completion_tokens,
        "total_ms": answer.total_ms,
    }
    await connection.execute(
        update(sandbox_answers).where(table.job_id == answer.job_id).values(new)
    )


async def clear(connection: AsyncConnection, owner: str, scope: Scope) -> list[UUID]:
    """Delete the user's chat about the scope."""
    return await _delete(connection, _is_of(owner, scope))


async def give_up(connection: AsyncConnection, owner: str, scope: Scope) -> list[UUID]:
    """Delete the answers of a chat that are still to come, with questions that have no other."""
    answers, questions = sandbox_answers.c, sandbox_questions.c
    is_open = answers.answered_at.is_(None)
    waiting = select(answers.question_id).where(is_open)
    asked = select(questions.id).where(_is_of(owner, scope), questions.id.in_(waiting))
    ids = list((await connection.execute(asked.with_for_update())).scalars())
    await connection.execute(delete(sandbox_answers).where(is_open, answers.question_id.in_(ids)))
    answered = select(answers.question_id).where(answers.question_id.in_(ids))
    return await _delete(connection, and_(questions.id.in_(ids), questions.id.not_in(answered)))


async def trim(connection: AsyncConnection, owner: str, scope: Scope) -> list[UUID]:
    """Delete what stands before the newest questions of a chat."""
    kept = (
        select(sandbox_questions.c.id)
        .where(_is_of(owner, scope))
        .order_by(sandbox_questions.c.id.desc())
        .limit(MAX_QUESTIONS)
    )
    return await _delete(
        connection, and_(_is_of(owner, scope), sandbox_questions.c.id.not_in(kept))
    )


async def expire(connection: AsyncConnection) -> list[UUID]:
    """Delete some of the questions that are older than a day."""
    age = timedelta(hours=KEPT_HOURS)
    old = (
        select(sandbox_questions.c.id)
        .where(sandbox_questions.c.asked_at < func.now() - age)
        .order_by(sandbox_questions.c.id)
        .limit(_STEP)
    )
    return await _delete(connection, sandbox_questions.c.id.in_(old))


async def _delete(connection: AsyncConnection, which: ColumnElement[bool]) -> list[UUID]:
    gone = delete(sandbox_questions).where(which).returning(sandbox_questions.c.batch_id)
    return list((await connection.execute(gone)).scalars())


def _is_of(owner: str, scope: Scope) -> ColumnElement[bool]:
    table = sandbox_questions.c
    parts = (table[name] == part for name, part in scope._asdict().items())
    return and_(table.owner == owner, *parts)


def _question(row: Row[Any], answers: Sequence[SandboxAnswer]) -> SandboxQuestion:
    return SandboxQuestion(
        id=row.id,
        batch_id=row.batch_id,
        question=row.question,
        asked_at=row.asked_at,
        answers=tuple(answers),
    )


def _answer(row: Row[Any]) -> SandboxAnswer:
    return SandboxAnswer(
        side=SandboxSide(row.side),
        job_id=row.job_id,
        preset=row.preset,
        answered_at=row.answered_at,
        answer=row.answer,
        outcome=row.outcome,
        completion_tokens=row.completion_tokens,
        total_ms=row.total_ms,
    )
