"""Turns as the pages show them: masked, cut and in words. Templates never see a raw row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from bot.admin.turns.excerpt import Excerpt, excerpt
from bot.admin.turns.queries import before_for
from bot.admin.web import labels
from bot.privacy.masking import mask, mask_detail, pseudonym
from bot.store.deliveries import DEAD_LETTERS


@dataclass(frozen=True, slots=True)
class Badge:
    """A state in three ways: word, shape and colour."""

    word: str
    shape: str
    tone: str


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands beside the texts of a turn, on both pages."""

    id: UUID
    messenger: str
    sender: str
    media: int
    status: Badge
    delivery: Badge | None
    failure: str
    received_at: datetime
    latency: str  #: from receipt until the answer was delivered, or settled
    tokens: str  #: of prompt and completion


@dataclass(frozen=True, slots=True)
class ListedTurn:
    """A row of the list."""

    beside: Beside
    conversation_id: int
    before: int
    question: Excerpt
    answer: Excerpt


@dataclass(frozen=True, slots=True)
class TurnDetail:
    """A turn of a dialogue, with everything known about it as (label, value)."""

    beside: Beside
    begins_epoch: bool
    question: str
    answer: str
    facts: tuple[tuple[str, str], ...]
    is_dead_letter: bool  #: only sending it again moves it


def listed(row: Row[Any], query: str) -> ListedTurn:
    """A row of ``queries.list_turns`` for the list; ``query``: what was searched for."""
    return ListedTurn(
        _beside(row),
        row.conversation_id,
        before_for(row.seq),
        excerpt(mask(row.text), query),
        excerpt(mask(row.answer or ""), query),
    )


def told(row: Row[Any], epoch_above: int | None, attempts: Sequence[Row[Any]] = ()) -> TurnDetail:
    """A row of a dialogue; ``epoch_above``: of the turn above it, None at the top."""
    return TurnDetail(
        _beside(row),
        epoch_above is not None and row.epoch != epoch_above,
        mask(row.text),
        mask(row.answer or ""),
        tuple((label, value) for label, value in (*_facts(row), *_ledger(attempts)) if value),
        row.delivery_state in DEAD_LETTERS,
    )


def _beside(row: Row[Any]) -> Beside:
    return Beside(
        id=row.id,
        messenger=labels.MESSENGERS.get(row.messenger, row.messenger),
        sender=pseudonym(row.messenger, row.tenant, row.sender),
        media=row.media_count,
        status=_badge(row.status, labels.STATUSES),
        delivery=_badge(row.delivery_state, labels.DELIVERY_STATES) if row.delivery_state else None,
        failure=labels.FAILURES.get(row.failure_reason, row.failure_reason or ""),
        received_at=row.received_at,
        latency=labels.seconds(labels.between(row.received_at, row.delivered_at or row.settled_at)),
        tokens=_tokens(row),
    )


def _badge(state: str, known: dict[str, str]) -> Badge:
    return Badge(known.get(state, state), labels.shape(state), labels.tone(state))


def _tokens(row: Row[Any]) -> str:
    if row.prompt_tokens is None and row.completion_tokens is None:
        return ""
    return f"{row.prompt_tokens or 0:,} + {row.completion_tokens or 0:,}"


def _facts(row: Row[Any]) -> list[tuple[str, str]]:
    return [
        ("접수", labels.stamp(row.received_at)),
        ("대기열", _since(row, row.queued_at)),
        ("생성 시작", _since(row, row.started_at)),
        ("첫 토큰", _span(row.first_token_ms)),
        ("생성 시간", _span(row.total_ms)),
        ("답변 확정", _since(row, row.settled_at)),
        ("전달 완료", _since(row, row.delivered_at)),
        ("토큰", _token_fact(row)),
        ("빠진 앞 대화", f"{row.dropped_messages:,}개" if row.dropped_messages else ""),
        ("모델", row.model or ""),
        ("프리셋", row.preset or ""),
        ("끝난 이유", labels.FINISH_REASONS.get(row.finish_reason, row.finish_reason or "")),
        ("실패", _joined(row.failure_reason, mask(row.failure_message or ""))),
        ("전달 방법", labels.VIAS.get(row.delivery_via, row.delivery_via or "")),
        ("전달 시도", f"{row.delivery_attempts}회" if row.delivery_attempts else ""),
        ("전달 내용", mask_detail(row.delivery_detail or "")),
        ("차례", f"{row.seq} (대화 묶음 {row.epoch})"),
        ("턴 ID", str(row.id)),
    ]


def _ledger(attempts: Sequence[Row[Any]]) -> Iterator[tuple[str, str]]:
    """A line for each attempt to deliver: when, how, what came of it."""
    for number, attempt in enumerate(attempts, 1):
        way = labels.VIAS.get(attempt.via, attempt.via)
        state = labels.DELIVERY_STATES.get(attempt.state, attempt.state)
        line = f"{labels.clock(attempt.claimed_at)} {way} → {state}"
        yield f"시도 {number}", _joined(line, mask_detail(attempt.detail))


def _since(row: Row[Any], moment: datetime | None) -> str:
    """A moment, and how long after the receipt it was."""
    if moment is None:
        return ""
    return f"{labels.clock(moment)} (+{labels.seconds(labels.between(row.received_at, moment))})"


def _span(milliseconds: float | None) -> str:
    return "" if milliseconds is None else labels.seconds(milliseconds)


def _token_fact(row: Row[Any]) -> str:
    if not _tokens(row):
        return ""
    return f"프롬프트 {row.prompt_tokens or 0:,}, 답변 {row.completion_tokens or 0:,}"


def _joined(*parts: str | None) -> str:
    return ": ".join(part for part in parts if part)
