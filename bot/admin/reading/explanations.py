"""Every state and reason in words: what happened, and what the operator can do.

The sentences are keys of the catalog (bot/admin/web/language.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.admin.web.language import translate as _
from bot.domain.deliveries import DeliveryState
from bot.domain.turns import STORAGE_FAULT, TurnStatus
from inference_queue.protocol import FailureReason, FinishReason

_NOTHING = "하실 일은 없습니다."


@dataclass(frozen=True, slots=True)
class Explanation:
    """A sentence for what happened, and one for what to do."""

    sentence: str
    action: str = _NOTHING

    @property
    def needs_action(self) -> bool:
        """Whether there is something to do."""
        return self.action != _NOTHING

    def translated(self) -> Explanation:
        """The same in the language of the page."""
        return Explanation(_(self.sentence), _(self.action))


STATUSES: Mapping[str, Explanation] = {
    TurnStatus.RECEIVED: Explanation(
        "질문을 받았고, 같은 대화의 앞선 질문이 끝나기를 기다립니다.",
        "오래 머물러 있으면 앞선 질문과 워커 페이지를 확인해 주세요.",
    ),
    TurnStatus.QUEUED: Explanation(
        "워커가 가져가기를 기다립니다.",
        "오래 머물러 있으면 워커 페이지에서 켜진 워커가 있는지 확인해 주세요.",
    ),
    TurnStatus.GENERATING: Explanation("워커가 답변을 쓰고 있습니다."),
    TurnStatus.ANSWERED: Explanation("답변을 다 썼습니다."),
    TurnStatus.FAILED: Explanation(
        "답변을 만들지 못해 사과하는 문장을 대신 보냈습니다.",
        "아래 실패 사유에 따라 조치해 주세요.",
    ),
    TurnStatus.EXPIRED: Explanation(
        "제시간에 답변을 만들지 못해 다시 물어봐 달라는 문장을 보냈습니다.",
        "자주 보이면 차트에서 대기 시간을 보고 워커를 늘려 주세요.",
    ),
    TurnStatus.CANCELLED: Explanation("사용자나 메신저가 답변을 멈췄습니다."),
    TurnStatus.MERGED: Explanation("바로 뒤에 온 질문과 한꺼번에 답변했습니다."),
}

FAILURES: Mapping[str, Explanation] = {
    FailureReason.INVALID_JOB: Explanation(
        "봇과 워커의 버전이 다르거나 모델의 대화 서식에 맞지 않아, 워커가 작업을 읽지 못했습니다.",
        "봇과 워커를 같은 버전으로 맞추고, 같은 오류가 이어지면 프리셋을 확인해 주세요.",
    ),
    FailureReason.NO_VISION: Explanation(
        "사진이 있는 질문인데 모델이 글만 읽을 수 있어 답변하지 못했습니다.",
        "사진을 받으려면 사진을 보는 모델을 쓰는 워커를 켜 주세요.",
    ),
    FailureReason.PROMPT_TOO_LONG: Explanation(
        "질문 하나만으로도 모델이 읽을 수 있는 길이를 넘었습니다.",
        "시스템 프롬프트가 너무 길지 않은지, 질문 길이 제한이 모델에 맞는지 확인해 주세요.",
    ),
    FailureReason.ENGINE_UNAVAILABLE: Explanation(
        "워커가 모델 서버에 연결하지 못했습니다.",
        "모델 서버가 켜져 있는지, 워커의 주소 설정이 맞는지 확인해 주세요.",
    ),
    FailureReason.ENGINE_OVERLOADED: Explanation(
        "모델 서버가 바빠서 요청을 받지 않았습니다.",
        "워커의 동시 처리 수를 줄이거나 모델 서버를 늘려 주세요.",
    ),
    FailureReason.ENGINE_ERROR: Explanation(
        "모델 서버가 오류를 냈거나 빈 답변을 돌려주었습니다.",
        "같은 시각의 모델 서버 로그를 확인해 주세요.",
    ),
    FailureReason.OUT_OF_MEMORY: Explanation(
        "GPU 메모리가 모자라 답변을 쓰지 못했습니다.",
        "워커의 동시 처리 수나 문맥 길이를 줄이고, 같은 GPU를 쓰는 다른 프로그램을 확인해 주세요.",
    ),
    FailureReason.CANCELLED: Explanation("쓰기 시작하기 전에 멈춰 달라는 요청이 왔습니다."),
    FailureReason.EXPIRED: Explanation(
        "답변이 필요한 시각이 지나서 쓰지 않았습니다.",
        "자주 보이면 차트에서 대기 시간을 보고 워커를 늘려 주세요.",
    ),
    FailureReason.ATTEMPTS_EXHAUSTED: Explanation(
        "여러 번 시도했지만 매번 끝나기 전에 워커가 사라졌습니다.",
        "시간표에 적힌 워커들의 로그에서 멈춘 이유를 확인해 주세요.",
    ),
    STORAGE_FAULT: Explanation(
        "데이터베이스가 이 질문이나 답변을 저장하지 못했습니다.",
        "봇 로그에서 database_fault를 이 턴 ID로 찾아 주세요.",
    ),
}

FINISHES: Mapping[str, Explanation] = {
    FinishReason.STOP: Explanation("모델이 스스로 답변을 마쳤습니다."),
    FinishReason.LENGTH: Explanation(
        "답변이 길이 제한에 닿아 중간에 끊겼습니다.",
        "자주 보이면 답변의 최대 토큰 수를 늘리거나 짧게 답하도록 프롬프트를 고쳐 주세요.",
    ),
    FinishReason.DEADLINE: Explanation(
        "시간이 다 되어 쓴 데까지만 보냈습니다.",
        "자주 보이면 차트에서 초당 토큰 수를 보고 워커를 늘리거나 답변을 짧게 해 주세요.",
    ),
    FinishReason.REPETITION: Explanation(
        "모델이 같은 말을 되풀이해서 멈추고, 되풀이한 부분을 잘라 냈습니다.",
        "자주 보이면 반복 억제 값이나 프리셋을 바꿔 보세요.",
    ),
    FinishReason.CANCELLED: Explanation("멈춰 달라는 요청으로 쓴 데까지만 남겼습니다."),
}

DELIVERIES: Mapping[str, Explanation] = {
    DeliveryState.PENDING: Explanation("아직 보내지 않은 답변입니다. 곧 보내거나 다시 시도합니다."),
    DeliveryState.SENDING: Explanation("지금 메신저로 보내는 중입니다."),
    DeliveryState.HELD: Explanation("버튼을 누르면 보이는 답변입니다. 아직 누르지 않았습니다."),
    DeliveryState.DELIVERED: Explanation("사용자에게 전달되었습니다."),
    DeliveryState.UNCONFIRMED: Explanation(
        "보냈지만 메신저의 응답이 끊겨, 사용자에게 보였는지 알 수 없습니다.",
        "메신저에서 직접 확인하고, 보이지 않았다면 다시 보내 주세요. 보였다면 두 번 보이게 됩니다.",
    ),
    DeliveryState.FAILED: Explanation(
        "메신저가 거절했거나 모든 시도가 실패해서 사용자가 보지 못했습니다.",
        "아래 전달 내용을 보고 설정을 고친 뒤 다시 보내 주세요.",
    ),
    DeliveryState.EXPIRED: Explanation(
        "정해진 시간 안에 보내거나 확인하지 못해 사용자가 보지 못했습니다.",
        "자주 보이면 차트에서 제시간 답변 비율을 확인해 주세요.",
    ),
}


def explained(value: str | None, known: Mapping[str, Explanation]) -> Explanation | None:
    """The explanation of a stored value; None for no value, or one of a newer version."""
    found = known.get(value or "")
    return found.translated() if found else None
