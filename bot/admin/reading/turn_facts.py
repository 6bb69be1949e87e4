"""The facts of a turn as lines of a label and a value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime

from bot.admin.reading.bounds import bounded
from bot.admin.reading.timeline import Bar, Moments, Run, Sending
from bot.admin.web import labels
from bot.admin.web.language import translate as _
from bot.domain.deliveries import DeliveryState
from bot.privacy.masking import mask, mask_detail
from bot.store.reading.turn import Attempt, ReadTurn

#: Attempts on the time line: an operator may send again for ever.
MAX_SENDINGS = 20
MAX_REASONING_BYTES = 2_500

_KINDS = {
    "wait": "순서 기다림",
    "queue": "대기열",
    "run": "실행 {number}",
    "read": "첫 토큰까지",
    "write": "답변 쓰기",
    "settle": "결과 저장",
    "rest": "전달 기다림",
    "send": "전달 시도 {number}",
    "delivered": "전달 완료",
}
_OPEN = (DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.HELD)


def moments_of(turn: ReadTurn, attempts: Sequence[Attempt]) -> Moments:
    """The times of the turn, for its time line."""
    return Moments(
        received_at=turn.received_at,
        queued_at=turn.queued_at,
        started_at=turn.started_at,
        first_token_ms=turn.first_token_ms,
        total_ms=turn.total_ms,
        settled_at=turn.settled_at,
        delivered_at=turn.delivered_at,
        awaits_delivery=turn.delivery_state in _OPEN,
        runs=list(_runs(turn)),
        sendings=[
            Sending(
                via=one.via,
                state=one.state,
                claimed_at=one.claimed_at,
                recorded_at=one.recorded_at,
            )
            for one in attempts[-MAX_SENDINGS:]
        ],
    )


def _runs(turn: ReadTurn) -> Iterator[Run]:
    """The claims of its job that can be read: a newer version may write them otherwise."""
    for run in turn.runs or ():
        with suppress(AttributeError, KeyError, TypeError, ValueError):
            yield Run(worker=str(run["worker"]), at=datetime.fromisoformat(run["at"]))


def step_label(bar: Bar, number: int) -> str:
    """The name of a step; ``number``: among those of its kind."""
    return _(_KINDS[bar.step.kind], number=number)


def step_detail(bar: Bar) -> str:
    """By whom, or with which outcome."""
    if run := bar.step.run:
        return run.worker
    if sending := bar.step.sending:
        via = labels.label(sending.via, labels.VIAS)
        return f"{via} → {labels.label(sending.state, labels.DELIVERY_STATES)}"
    return ""


def facts_of(turn: ReadTurn, attempts: Sequence[Attempt]) -> tuple[tuple[str, str], ...]:
    """All facts that are known, each with its label."""
    known = [*_of_the_answer(turn), *_of_the_delivery(turn)]
    lines = [(_(name), fact) for name, fact in known if fact]
    return (*lines, *_of_the_attempts(attempts))


def _of_the_answer(turn: ReadTurn) -> list[tuple[str, str]]:
    reasoning = mask(turn.reasoning or "")
    shown = bounded(reasoning, MAX_REASONING_BYTES)
    return [
        ("접수", labels.stamp(turn.received_at)),
        ("대기열", _since_receipt(turn, turn.queued_at)),
        ("생성 시작", _since_receipt(turn, turn.started_at)),
        ("첫 토큰", _duration(turn.first_token_ms)),
        ("생성 시간", _duration(turn.total_ms)),
        ("답변 확정", _since_receipt(turn, turn.settled_at)),
        ("전달 완료", _since_receipt(turn, turn.delivered_at)),
        ("토큰", _tokens(turn)),
        ("프롬프트에서 제외된 메시지", _count(turn.dropped_messages, "{count}개")),
        ("질문에서 잘린 글자", _count(turn.cut_chars, "{count}자")),
        ("모델", turn.model or ""),
        ("프리셋", turn.preset or ""),
        ("설정 버전", str(turn.config_version or "")),
        ("종료 사유", labels.label(turn.finish_reason, labels.FINISH_REASONS)),
        ("모델의 추론", shown + ("…" if len(shown) < len(reasoning) else "")),
        ("실패", _joined(turn.failure_reason, mask(turn.failure_message or ""))),
    ]


def _of_the_delivery(turn: ReadTurn) -> list[tuple[str, str]]:
    return [
        ("전달 방법", labels.label(turn.delivery_via, labels.VIAS)),
        ("전달 시도", _count(turn.delivery_attempts, "{count}회")),
        ("전달 내용", mask_detail(turn.delivery_detail or "")),
        ("순번", _("{seq} (세션 {epoch})", seq=turn.seq, epoch=turn.epoch)),
        ("턴 ID", str(turn.id)),
        ("작업 ID", str(turn.job_id or "")),
    ]


def _of_the_attempts(attempts: Sequence[Attempt]) -> Iterator[tuple[str, str]]:
    """A line for each delivery attempt: its time, its route and its outcome."""
    for number, attempt in enumerate(attempts, 1):
        via = labels.label(attempt.via, labels.VIAS)
        state = labels.label(attempt.state, labels.DELIVERY_STATES)
        line = f"{labels.clock(attempt.claimed_at)} {via} → {state}"
        yield _("시도 {number}", number=number), _joined(line, mask_detail(attempt.detail))


def _since_receipt(turn: ReadTurn, moment: datetime | None) -> str:
    """A moment, and its distance from the receipt."""
    if moment is None:
        return ""
    elapsed = labels.duration(labels.elapsed_ms(turn.received_at, moment))
    return f"{labels.clock(moment)} (+{elapsed})"


def _duration(milliseconds: float | None) -> str:
    return "" if milliseconds is None else labels.duration(milliseconds)


def _count(count: int | None, sentence: str) -> str:
    return _(sentence, count=f"{count:,}") if count else ""


def _tokens(turn: ReadTurn) -> str:
    if not labels.tokens(turn.prompt_tokens, turn.completion_tokens):
        return ""
    return _(
        "프롬프트 {prompt}, 답변 {answer}",
        prompt=f"{turn.prompt_tokens or 0:,}",
        answer=f"{turn.completion_tokens or 0:,}",
    )


def _joined(*parts: str | None) -> str:
    return ": ".join(part for part in parts if part)
