"""Turns as the pages show them: masked, shortened and labelled. Templates never see a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bot.admin.turns.excerpt import Excerpt
from bot.admin.turns.masked_excerpt import masked_excerpt
from bot.admin.turns.queries import before_for
from bot.admin.turns.rows import TurnRow
from bot.admin.web import labels
from bot.admin.web.badges import Badge, badge_of
from bot.privacy.masking import pseudonym
from bot.store.search.words import Word


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnSummary:
    """What both pages show of a turn beside its texts."""

    id: UUID
    messenger: str
    sender: str
    media_count: int
    status: Badge
    delivery: Badge | None
    failure: str
    received_at: datetime
    latency: str  #: from receipt until delivery, or until settlement
    tokens: str  #: of prompt and completion


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnListItem:
    """A row of the list."""

    summary: TurnSummary
    conversation_id: int
    before: int
    question: Excerpt
    answer: Excerpt


def list_item(
    row: TurnRow, words: Sequence[Word], messenger_labels: Mapping[str, str]
) -> TurnListItem | None:
    """The list's view of a turn; None: masking hides one of the words that are searched for."""
    question = masked_excerpt(row.text, words)
    answer = masked_excerpt(row.answer or "", words)
    if not (question.words | answer.words).issuperset(words):
        return None
    return TurnListItem(
        summary=_summary(row, messenger_labels),
        conversation_id=row.conversation_id,
        before=before_for(row.seq),
        question=question.shown,
        answer=answer.shown,
    )


def _summary(row: TurnRow, messenger_labels: Mapping[str, str]) -> TurnSummary:
    latency_ms = labels.elapsed_ms(row.received_at, row.delivered_at or row.settled_at)
    return TurnSummary(
        id=row.id,
        messenger=labels.label(row.messenger, messenger_labels),
        sender=pseudonym(row.messenger, row.tenant, row.sender),
        media_count=row.media_count,
        status=badge_of(row.status, labels.STATUSES),
        delivery=badge_of(row.delivery_state, labels.DELIVERY_STATES)
        if row.delivery_state
        else None,
        failure=labels.label(row.failure_reason, labels.FAILURES),
        received_at=row.received_at,
        latency=labels.duration(latency_ms),
        tokens=labels.tokens(row.prompt_tokens, row.completion_tokens),
    )
