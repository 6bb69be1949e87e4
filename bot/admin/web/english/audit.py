"""The pages of the audit log."""

from __future__ import annotations

AUDIT = {
    "로그인 실패": "Login refused",
    "2단계 코드 실패": "Code refused",
    "권한 없음": "Role refused",
    "검색 저장": "Search saved",
    "저장한 검색 삭제": "Saved search deleted",
    "대화 목록 열람": "Turns read",
    "대화 열람": "Conversation read",
    "답변 다시 보내기": "Answer sent again",
    "사용자 등록": "User added",
    "역할 변경": "Role changed",
    "사용 재개": "Enabled",
    "비밀번호 초기화": "Password set",
    "비밀번호 변경": "Password changed",
    "언어 변경": "Language changed",
    "복구 코드 사용": "Recovery code used",
    "복구 코드 발급": "Recovery codes made",
    "사용자 목록 열람": "Users read",
    "접속기록 열람": "Audit log read",
    "오래된 기록 삭제": "Old rows deleted",
    "정보주체": "people",
    "읽은 질문": "turns",
    "검색어 사용": "searched",
    "시작": "from",
    "끝": "to",
    "작업": "Act",
    "회사 로그인의 문제": "fault of the company's login",
    "회사 계정의 ID": "ID of the company account",
    "회사 로그인 서버": "login server",
    "보고서의 달": "month of the report",
    "이전": "before",
    "이후": "after",
    "컴퓨터의 사용자": "system user",
    "삭제한 마지막 번호": "last deleted row",
    "삭제한 마지막 해시": "its hash",
    "누가, 언제, 어디서, 누구의 정보를, 어떻게 했는지 남깁니다. 지우거나 고칠 수 없습니다.": (
        "Who did what, when, from where, with whose data. Nothing here is changed or deleted."
    ),
    "월별 보고서": "Monthly report",
    "접속기록 검색": "Search the audit log",
    "시작 날짜": "From",
    "끝 날짜": "To",
    "조건에 맞는 기록이 없습니다.": "No record matches.",
    "이전 기록": "Older records",
    "월별 접속기록 보고서": "Monthly audit report",
    "{month} 접속기록 보고서": "Audit report of {month}",
    (
        "개인정보의 안전성 확보조치 기준에 따라 접속기록을 매달 점검하고, 이 페이지를 인쇄해"
        " 보관하세요."
    ): (
        "Korean law asks to look through the access records every month: print this page and keep"
        " it."
    ),
    "횟수": "Times",
    "접속지 수": "Addresses",
    "이 달에는 기록이 없습니다.": "There are no records in this month.",
    (
        "이 달 끝까지의 마지막 기록은 {seq}번입니다. 아래 값을 다른 곳에 적어 두면 나중에 기록이"
        " 통째로 다시 쓰였는지 알 수 있습니다."
    ): (
        "The last record until the end of the month is number {seq}. Note this value elsewhere: it"
        " shows later whether the whole log was written anew."
    ),
    "다른 달": "Other months",
    "날짜를 읽을 수 없습니다. 예: 2026-11-22": "The date cannot be read. Example: 2026-11-22",
    "작업에 알 수 없는 값이 있습니다. 목록에서 골라 주세요.": (
        "The act is unknown. Choose one of the list."
    ),
    "사용자 아이디가 너무 깁니다.": "The user name is too long.",
    "시작 날짜가 끝 날짜보다 늦습니다. 기간을 다시 정해 주세요.": (
        "The first day is later than the last. Choose another range."
    ),
    "달을 읽을 수 없습니다. 예: 2026-11": "The month cannot be read. Example: 2026-11",
}
