"""The dashboard's Korean labels for the stored values, and its formats of times and durations.

The labels are keys of the catalog (bot/admin/web/language.py): ``label`` says them in its language.

Times are Korean time on every page. Korea has kept UTC+9 without summer time since 1988.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from bot.admin.web.language import translate as _
from bot.domain.dashboard_users import Role
from bot.domain.deliveries import DeliveryState, DeliveryVia
from bot.domain.feedback import Reason
from bot.domain.reviews import Verdict
from bot.domain.turns import STORAGE_FAULT, TurnStatus
from inference_queue.protocol import FailureReason, FinishReason

KST = timezone(timedelta(hours=9), "KST")

STATUSES: dict[str, str] = {
    TurnStatus.RECEIVED: "접수됨",
    TurnStatus.QUEUED: "대기 중",
    TurnStatus.GENERATING: "생성 중",
    TurnStatus.ANSWERED: "답변 완료",
    TurnStatus.FAILED: "실패",
    TurnStatus.EXPIRED: "시간 초과",
    TurnStatus.CANCELLED: "취소됨",
    TurnStatus.MERGED: "다음 질문과 함께 답변",
}

DELIVERY_STATES: dict[str, str] = {
    DeliveryState.PENDING: "전달 대기",
    DeliveryState.SENDING: "전달 중",
    DeliveryState.HELD: "버튼 대기",
    DeliveryState.DELIVERED: "전달됨",
    DeliveryState.UNCONFIRMED: "전달 여부 미확인",
    DeliveryState.FAILED: "전달 실패",
    DeliveryState.EXPIRED: "기한 만료",
}

VIAS: dict[str, str] = {
    DeliveryVia.SYNC: "즉시 응답",
    DeliveryVia.CALLBACK: "콜백",
    DeliveryVia.POST: "전송",
    DeliveryVia.HELD: "답변 확인 버튼",
}

FINISH_REASONS: dict[str, str] = {
    FinishReason.STOP: "정상 종료",
    FinishReason.LENGTH: "길이 제한 도달",
    FinishReason.DEADLINE: "시간 제한 도달",
    FinishReason.REPETITION: "같은 말 반복",
    FinishReason.CANCELLED: "중간에 멈춤",
}

FAILURES: dict[str, str] = {
    FailureReason.INVALID_JOB: "잘못된 작업",
    FailureReason.NO_VISION: "사진을 볼 수 없는 모델",
    FailureReason.PROMPT_TOO_LONG: "질문이 너무 김",
    FailureReason.ENGINE_UNAVAILABLE: "모델 서버에 연결되지 않음",
    FailureReason.ENGINE_OVERLOADED: "모델 서버 과부하",
    FailureReason.ENGINE_ERROR: "모델 서버 오류",
    FailureReason.OUT_OF_MEMORY: "메모리 부족",
    FailureReason.CANCELLED: "취소됨",
    FailureReason.EXPIRED: "제시간에 답변하지 못함",
    FailureReason.ATTEMPTS_EXHAUSTED: "여러 번 시도했으나 실패",
    STORAGE_FAULT: "저장 오류",
}

ROLES: dict[str, str] = {
    Role.VIEWER: "열람자",
    Role.REVIEWER: "검토자",
    Role.ADMIN: "관리자",
}

VERDICTS: dict[str, str] = {Verdict.GOOD: "좋음", Verdict.BAD: "문제 있음"}

REASONS: dict[str, str] = {
    Reason.WRONG: "틀림",
    Reason.UNHELPFUL: "도움 안 됨",
    Reason.UNSAFE: "안전하지 않음",
    Reason.FORMAT: "형식",
    Reason.KOREAN: "한국어 어색함",
}

#: Each badge has a shape too, for readers who do not see its colour. All other states are open.
_TONES: dict[str, set[str]] = {
    "good": {TurnStatus.ANSWERED, DeliveryState.DELIVERED, Verdict.GOOD},
    "bad": {TurnStatus.FAILED, DeliveryState.FAILED, Verdict.BAD},
    "warn": {TurnStatus.EXPIRED, DeliveryState.EXPIRED, DeliveryState.UNCONFIRMED},
    "quiet": {TurnStatus.CANCELLED, TurnStatus.MERGED},
}
SHAPES = {"good": "✓", "bad": "✕", "warn": "!", "quiet": "–", "open": "…"}


def tone(state: str) -> str:
    """One of good, bad, warn, quiet, open: the class of a badge."""
    return next((name for name, states in _TONES.items() if state in states), "open")


def shape(state: str) -> str:
    """The character with the same meaning as the badge's colour."""
    return SHAPES[tone(state)]


def stamp(moment: datetime | None) -> str:
    """A moment to the second, such as 2026-11-22 09:30:05; a dash where there is none."""
    return moment.astimezone(KST).strftime("%Y-%m-%d %H:%M:%S") if moment else "–"


def clock(moment: datetime | None) -> str:
    """The time of day of a moment."""
    return moment.astimezone(KST).strftime("%H:%M:%S") if moment else "–"


def iso(moment: datetime) -> str:
    """A moment for the ``datetime`` attribute of ``<time>``."""
    return moment.astimezone(KST).isoformat(timespec="milliseconds")


def duration(milliseconds: float | None) -> str:
    """A duration in the unit that reads best; a dash where there is none."""
    if milliseconds is None:
        return "–"
    if milliseconds < 1000:
        return f"{milliseconds:.0f}ms"
    whole = round(milliseconds / 1000)
    if whole < 60:
        return _("{seconds}초", seconds=f"{milliseconds / 1000:.1f}")
    if whole < 3600:
        return _("{minutes}분 {seconds}초", minutes=whole // 60, seconds=whole % 60)
    return _("{hours}시간", hours=f"{whole / 3600:.1f}")


def tokens(prompt: int | None, completion: int | None) -> str:
    """The tokens of prompt and answer; "" where neither is known."""
    if prompt is None and completion is None:
        return ""
    return f"{prompt or 0:,} + {completion or 0:,}"


def label(value: str | None, known: Mapping[str, str]) -> str:
    """The name of a stored value; a newer bot's value is shown as it is stored."""
    if not value:
        return ""
    return _(known[value]) if value in known else value


def translated(known: Mapping[str, str]) -> dict[str, str]:
    """All of these labels, for a list to choose from."""
    return {value: _(korean) for value, korean in known.items()}


def elapsed_ms(start: datetime, end: datetime | None) -> float | None:
    """Milliseconds from ``start`` to ``end``, or None while there is no end."""
    return (end - start).total_seconds() * 1000 if end else None
