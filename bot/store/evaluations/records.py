"""Evaluations in Postgres: added, found, listed, deleted. The commits are the caller's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.evaluations import EvaluationKind
from bot.store.schema import evaluations


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvaluation:
    """An evaluation that is brought."""

    kind: EvaluationKind
    name: str
    baseline: str
    candidate: str
    verdict: str
    report: Mapping[str, Any]
    sha256: bytes
    author: str
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A stored evaluation, without its report.

    Kind and verdict are plain strings: a newer bot may store others.
    """

    id: int
    kind: str
    name: str
    baseline: str
    candidate: str
    verdict: str
    author: str
    made_at: datetime
    added_at: datetime


_COLUMNS = tuple(evaluations.c[name] for name in Evaluation.__dataclass_fields__)


async def add(connection: AsyncConnection, new: NewEvaluation) -> int | None:
    """Its number; None: the same file was brought before."""
    row = {name: getattr(new, name) for name in NewEvaluation.__dataclass_fields__}
    statement = insert(evaluations).values(row).on_conflict_do_nothing()
    found = await connection.scalar(statement.returning(evaluations.c.id))
    return None if found is None else int(found)


async def find(connection: AsyncConnection, evaluation_id: int) -> Evaluation | None:
    """The evaluation, or None."""
    wanted = select(*_COLUMNS).where(evaluations.c.id == evaluation_id)
    row = (await connection.execute(wanted)).one_or_none()
    return _read(row) if row else None


async def read_report(connection: AsyncConnection, evaluation_id: int) -> Mapping[str, Any]:
    """The report of an evaluation; empty where there is none."""
    wanted = select(evaluations.c.report).where(evaluations.c.id == evaluation_id)
    return await connection.scalar(wanted) or {}


async def newest(
    connection: AsyncConnection, *, before: int | None, limit: int
) -> list[Evaluation]:
    """Evaluations, newest first, below the id ``before``."""
    wanted = select(*_COLUMNS).order_by(evaluations.c.id.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(evaluations.c.id < before)
    return [_read(row) for row in await connection.execute(wanted)]


async def remove(connection: AsyncConnection, evaluation_id: int) -> bool:
    """Delete it with its pairs; whether it was there."""
    statement = delete(evaluations).where(evaluations.c.id == evaluation_id)
    return bool((await connection.execute(statement)).rowcount)


def _read(row: Row[Any]) -> Evaluation:
    return Evaluation(**row._asdict())
