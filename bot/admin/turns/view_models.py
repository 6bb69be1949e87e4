"""Turns as the pages show them: masked, shortened and labelled. Templates never see a row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bot.admin.turns.excerpt import Excerpt
from bot.admin.turns.masked_excerpt import masked_excerpt
from bot.admin.turns.queries import before_for
from bot.admin.turns.rows import ConversationTurnRow, DeliveryAttempt, TurnRow
from bot.admin.web import labels
from bot.admin.web.language import translate as _
from bot.privacy.masking import mask, mask_detail, pseudonym
from bot.store.deliveries import DEAD_LETTERS
from bot.store.search.words import Word


@dataclass(frozen=True, slots=True)
class Spelling:
    """How people's words are shown: of texts, and of a delivery's details."""

    text: Callable[[str], str]
    detail: Callable[[str], str]


MASKED = Spelling(mask, mask_detail)
#: For who has unmasked the conversation.
PLAIN = Spelling(str, str)


@dataclass(frozen=True, slots=True)
class Badge:
    """A state as a label, a shape and a colour."""

    label: str
    shape: str
    tone: str


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


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnDetail:
    """A turn on the page of its conversation, with all its facts as (label, value)."""

    summary: TurnSummary
    begins_epoch: bool
    question: str
    answer: str
    facts: tuple[tuple[str, str], ...]
    is_dead_letter: bool  #: delivered only if an operator sends it again


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


def detail(
    row: ConversationTurnRow,
    epoch_above: int | None,
    attempts: Sequence[DeliveryAttempt],
    messenger_labels: Mapping[str, str],
    shown: Spelling = MASKED,
) -> TurnDetail:
    """The conversation's view of a turn; ``epoch_above``: of the turn above, None at the top."""
    attempts_made = tuple(_attempt_facts(attempts, shown))
    return TurnDetail(
        summary=_summary(row, messenger_labels),
        begins_epoch=epoch_above is not None and row.epoch != epoch_above,
        question=shown.text(row.text),
        answer=shown.text(row.answer or ""),
        facts=tuple((_(name), fact) for name, fact in _facts(row, shown) if fact) + attempts_made,
        is_dead_letter=row.delivery_state in DEAD_LETTERS,
    )


def _summary(row: TurnRow, messenger_labels: Mapping[str, str]) -> TurnSummary:
    latency_ms = labels.elapsed_ms(row.received_at, row.delivered_at or row.settled_at)
    return TurnSummary(
        id=row.id,
        messenger=labels.label(row.messenger, messenger_labels),
        sender=pseudonym(row.messenger, row.tenant, row.sender),
        media_count=row.media_count,
        status=_badge(row.status, labels.STATUSES),
        delivery=_badge(row.delivery_state, labels.DELIVERY_STATES) if row.delivery_state else None,
        failure=labels.label(row.failure_reason, labels.FAILURES),
        received_at=row.received_at,
        latency=labels.duration(latency_ms),
        tokens=_tokens(row),
    )


def _badge(state: str, known: Mapping[str, str]) -> Badge:
    return Badge(labels.label(state, known), labels.shape(state), labels.tone(state))


def _tokens(row: TurnRow) -> str:
    if row.prompt_tokens is None and row.completion_tokens is None:
        return ""
    return f"{row.prompt_tokens or 0:,} + {row.completion_tokens or 0:,}"


def _facts(row: ConversationTurnRow, shown: Spelling) -> list[tuple[str, str]]:
    return [
        ("접수", labels.stamp(row.received_at)),
        ("대기열", _since_receipt(row, row.queued_at)),
        ("생성 시작", _since_receipt(row, row.started_at)),
        ("첫 토큰", _duration(row.first_token_ms)),
        ("생성 시간", _duration(row.total_ms)),
        ("답변 확정", _since_receipt(row, row.settled_at)),
        ("전달 완료", _since_receipt(row, row.delivered_at)),
        ("토큰", _token_fact(row)),
        (
            "프롬프트에서 제외된 메시지",
            _("{count}개", count=f"{row.dropped_messages:,}") if row.dropped_messages else "",
        ),
        ("모델", row.model or ""),
        ("프리셋", row.preset or ""),
        ("종료 사유", labels.label(row.finish_reason, labels.FINISH_REASONS)),
        ("모델의 추론", shown.text(row.reasoning or "")),
        ("실패", _joined(row.failure_reason, shown.text(row.failure_message or ""))),
        ("전달 방법", labels.label(row.delivery_via, labels.VIAS)),
        ("전달 시도", _("{count}회", count=row.delivery_attempts) if row.delivery_attempts else ""),
        ("전달 내용", shown.detail(row.delivery_detail or "")),
        ("순번", _("{seq} (세션 {epoch})", seq=row.seq, epoch=row.epoch)),
        ("턴 ID", str(row.id)),
    ]


def _attempt_facts(
    attempts: Sequence[DeliveryAttempt], shown: Spelling
) -> Iterator[tuple[str, str]]:
    """A line for each delivery attempt: its time, its route and its outcome."""
    for number, attempt in enumerate(attempts, 1):
        via = labels.label(attempt.via, labels.VIAS)
        state = labels.label(attempt.state, labels.DELIVERY_STATES)
        line = f"{labels.clock(attempt.claimed_at)} {via} → {state}"
        yield _("시도 {number}", number=number), _joined(line, shown.detail(attempt.detail))


def _since_receipt(row: TurnRow, moment: datetime | None) -> str:
    """A moment, and its distance from the receipt."""
    if moment is None:
        return ""
    elapsed = labels.duration(labels.elapsed_ms(row.received_at, moment))
    return f"{labels.clock(moment)} (+{elapsed})"


def _duration(milliseconds: float | None) -> str:
    return "" if milliseconds is None else labels.duration(milliseconds)


def _token_fact(row: TurnRow) -> str:
    if not _tokens(row):
        return ""
    return _(
        "프롬프트 {prompt}, 답변 {answer}",
        prompt=f"{row.prompt_tokens or 0:,}",
        answer=f"{row.completion_tokens or 0:,}",
    )


def _joined(*parts: str | None) -> str:
    return ": ".join(part for part in parts if part)
