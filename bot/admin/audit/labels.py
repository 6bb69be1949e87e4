"""The Korean names of what stands in the audit log."""

from __future__ import annotations

from bot.domain.audit import AuditAction

ACTIONS: dict[str, str] = {
    AuditAction.LOGIN: "로그인",
    AuditAction.LOGIN_REFUSED: "로그인 실패",
    AuditAction.CODE_REFUSED: "2단계 코드 실패",
    AuditAction.ROLE_REFUSED: "권한 없음",
    AuditAction.TURNS_READ: "대화 목록 열람",
    AuditAction.CONVERSATION_READ: "대화 열람",
    AuditAction.TURN_SENT_AGAIN: "답변 다시 보내기",
    AuditAction.DEAD_LETTERS_SENT_AGAIN: "전송 실패 답변 모두 다시 보내기",
    AuditAction.ORDER_STOPPED: "다시 보내기 멈춤",
    AuditAction.LIVE_WATCHED: "실시간 열람",
    AuditAction.ALERT_ACKNOWLEDGED: "알림 확인",
    AuditAction.ALERT_SILENCED: "알림 끄기",
    AuditAction.USER_ADDED: "사용자 등록",
    AuditAction.USER_ROLE_CHANGED: "역할 변경",
    AuditAction.USER_DISABLED: "사용 중지",
    AuditAction.USER_ENABLED: "사용 재개",
    AuditAction.USER_PASSWORD_SET: "비밀번호 초기화",
    AuditAction.USER_FACTOR_RESET: "2단계 인증 초기화",
    AuditAction.PASSWORD_CHANGED: "비밀번호 변경",
    AuditAction.LANGUAGE_CHANGED: "언어 변경",
    AuditAction.FACTOR_SWITCHED_ON: "2단계 인증 켜기",
    AuditAction.FACTOR_SWITCHED_OFF: "2단계 인증 끄기",
    AuditAction.RECOVERY_CODE_USED: "복구 코드 사용",
    AuditAction.RECOVERY_CODES_MADE: "복구 코드 발급",
    AuditAction.USERS_READ: "사용자 목록 열람",
    AuditAction.AUDIT_READ: "접속기록 열람",
    AuditAction.AUDIT_TRIMMED: "오래된 기록 삭제",
}

#: Of an act, by the names in its JSON object.
DETAILS: dict[str, str] = {
    "people": "정보주체",
    "turns": "읽은 질문",
    "searched": "검색어 사용",
    "terms": "검색 조건",
    "messenger": "메신저",
    "from": "시작",
    "to": "끝",
    "state": "전달",
    "hours": "끈 시간(시)",
    "user": "사용자",
    "action": "작업",
    "report": "보고서의 달",
    "role": "역할",
    "before": "이전",
    "after": "이후",
    "second_factor": "2단계 인증",
    "oidc": "회사 로그인의 문제",
    "subject": "회사 계정의 ID",
    "by": "회사 로그인 서버",
    "language": "언어",
    "system_user": "컴퓨터의 사용자",
    "through": "삭제한 마지막 번호",
    "hash": "삭제한 마지막 해시",
}
