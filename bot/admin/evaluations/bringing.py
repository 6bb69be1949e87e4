"""Brings a report into the database, masked, without the words of people who are gone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.admin.evaluations.report import Report, ReportFile, ReportPair
from bot.domain.turns import clean_text
from bot.privacy.masking import mask
from bot.store.evaluations import pairs, records
from bot.store.evaluations.pairs import EvaluatedPair
from bot.store.evaluations.records import NewEvaluation

#: The ids of the data sets' items (bot/admin/datasets/identity.py).
_ITEM = re.compile(r"(?:sft|dpo)-[0-9a-f]{20}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What has become of a report."""

    id: int | None  #: None: the same file was brought before
    pairs: int = 0
    gone: int = 0  #: questions whose turns were deleted since


async def bring(connection: AsyncConnection, content: bytes, *, author: str) -> Brought:
    """Store a report. Raises pydantic's ValidationError. The commit is the caller's."""
    report = ReportFile.model_validate_json(content)
    evaluation_id = await records.add(connection, _record(report, content, author))
    if evaluation_id is None:
        return Brought(id=None)
    every = list(report.every_pair())
    known = await _turns(connection, {one.question for one in every})
    kept = [one for one in every if one.question in known or not _is_persons(one.question)]
    await pairs.add(connection, evaluation_id, list(_masked(kept, known)))
    return Brought(id=evaluation_id, pairs=len(kept), gone=len(every) - len(kept))


def _record(report: ReportFile, content: bytes, author: str) -> NewEvaluation:
    baseline, candidate = report.titles
    return NewEvaluation(
        kind=report.kind,
        name=report.asked.name,
        baseline=baseline,
        candidate=candidate,
        verdict=report.verdict.value if report.verdict else "",
        report=report.model_dump(mode="json", include=set(Report.model_fields)),
        sha256=hashlib.sha256(content).digest(),
        author=author,
        made_at=report.created_at,
    )


def _is_persons(question: str) -> bool:
    """Whether the id is of somebody's turn: an item of a data set, or a pair of a replay."""
    return bool(_ITEM.fullmatch(question) or _UUID.fullmatch(question))


async def _turns(connection: AsyncConnection, questions: set[str]) -> Mapping[str, UUID]:
    """The turns of questions that came from turns, as far as there are any still."""
    items = {one for one in questions if _ITEM.fullmatch(one)}
    turns = {one: UUID(one) for one in questions if _UUID.fullmatch(one)}
    there = await pairs.turns_there(connection, set(turns.values()))
    found = await pairs.turns_of_items(connection, items)
    return found | {name: turn for name, turn in turns.items() if turn in there}


def _masked(kept: Iterable[ReportPair], turns: Mapping[str, UUID]) -> Iterable[EvaluatedPair]:
    for position, one in enumerate(kept, 1):
        yield EvaluatedPair(
            position=position,
            turn_id=turns.get(one.question),
            category=one.category,
            question=mask(clean_text(one.asked)),
            baseline=mask(clean_text(one.baseline)),
            candidate=mask(clean_text(one.candidate)),
            baseline_score=one.baseline_score,
            candidate_score=one.candidate_score,
            note=one.note,
        )
