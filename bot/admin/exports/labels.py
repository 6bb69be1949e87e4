"""The Korean names of the states and formats of exports, and what to do about each end."""

from __future__ import annotations

from bot.domain.exports import ExportFailure, ExportFormat, ExportState

STATES: dict[str, str] = {
    ExportState.WAITING: "기다리는 중",
    ExportState.RUNNING: "만드는 중",
    ExportState.DONE: "완료",
    ExportState.EMPTY: "내보낼 항목 없음",
    ExportState.FAILED: "실패",
    ExportState.CANCELLED: "취소됨",
    ExportState.WITHDRAWN: "회수됨",
    ExportState.EXPIRED: "보관 기간 지남",
}
TONES: dict[str, str] = {
    ExportState.DONE: "good",
    ExportState.EMPTY: "warn",
    ExportState.FAILED: "bad",
    ExportState.WITHDRAWN: "warn",
    ExportState.CANCELLED: "quiet",
    ExportState.EXPIRED: "quiet",
}
FORMATS: dict[str, str] = {
    ExportFormat.CSV: "CSV",
    ExportFormat.XLSX: "엑셀 (XLSX)",
    ExportFormat.DATASET: "데이터 세트 (ZIP)",
}
#: What happened, and what to do.
SENTENCES: dict[str, str] = {
    ExportState.EMPTY: (
        "조건에 맞는 항목이 없어 파일을 만들지 않았습니다. 목록에서 조건을 바꾼 뒤 다시 내보내"
        " 주세요."
    ),
    ExportState.WITHDRAWN: (
        "파일에 글이 있던 사람의 정보가 삭제되었거나 학습 제외가 등록되어 파일을 지웠습니다. 다시"
        " 내보내면 그 사람의 글 없이 만들어집니다."
    ),
    ExportState.EXPIRED: "보관 기간이 지나 파일을 지웠습니다. 필요하면 다시 내보내 주세요.",
    ExportFailure.DISK_FULL: (
        "디스크에 남은 공간이 모자라 파일을 만들지 않았습니다. 공간을 비우거나 조건을 좁힌 뒤 다시"
        " 내보내 주세요."
    ),
    ExportFailure.TOO_LARGE: (
        "파일이 설정한 크기보다 커서 만들지 않았습니다. 조건이나 기간을 좁혀 나누어 내보내 주세요."
    ),
    ExportFailure.FAULT: (
        "파일을 만들다가 오류가 났습니다. 다시 내보내도 같으면 서버 기록의 export_failed를 확인해"
        " 주세요."
    ),
}
