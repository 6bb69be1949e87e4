"""The Korean names of what data sets are made of, and why turns are left out."""

from __future__ import annotations

from bot.domain.datasets import DatasetKind, DatasetState, LeftOut, Source, Split

KINDS: dict[str, str] = {
    DatasetKind.SFT: "좋은 답변 배우기 (SFT)",
    DatasetKind.DPO: "더 나은 답변 고르기 (DPO)",
}
STATES: dict[str, str] = {
    DatasetState.BUILDING: "만드는 중",
    DatasetState.CHECKING: "토큰 검사 중",
    DatasetState.READY: "완료",
    DatasetState.FAILED: "실패",
}
TONES: dict[str, str] = {DatasetState.READY: "good", DatasetState.FAILED: "bad"}
SPLITS: dict[str, str] = {
    Split.TRAIN: "학습",
    Split.VALIDATION: "검증",
    Split.TEST: "시험",
}
SOURCES: dict[str, str] = {
    Source.CORRECTION: "검토자가 고친 답변",
    Source.REVIEW: "검토자가 좋다고 한 답변",
    Source.VOTE: "사용자가 👍을 누른 답변",
    Source.REGENERATION: "다시 만든 답변과 그 전 답변",
}
LEFT_OUT: dict[str, str] = {
    LeftOut.OPTED_OUT: "학습 제외를 요청한 사람의 대화",
    LeftOut.DUPLICATE: "이미 들어 있는 글과 같음",
    LeftOut.NOT_GOOD: "좋다는 평가나 고친 답변이 없음",
    LeftOut.NO_PAIR: "더 나은 답변과 덜 나은 답변의 쌍이 없음",
    LeftOut.OTHERS_WORDS: "다른 사람의 글이 섞인 질문",
    LeftOut.PICTURES: "사진이 있는 질문",
    LeftOut.CONTINUED: "잘린 답변을 이어 쓴 것",
    LeftOut.EMPTY: "질문이나 답변에 글이 없음",
    LeftOut.TOO_LONG: "정한 토큰 수보다 긺",
    LeftOut.NOT_RENDERED: "모델의 대화 형식으로 바꿀 수 없음",
    LeftOut.REFUSED: "데이터베이스가 저장하지 못한 글",
}
