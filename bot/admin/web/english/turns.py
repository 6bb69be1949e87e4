"""The log of turns and the page of a conversation."""

from __future__ import annotations

TURNS = {
    "대화 목록": "Turns",
    "대화 검색": "Search the turns",
    "질문·답변 검색": "Search questions and answers",
    "예: 환불 규정": "Example: refund",
    "시작 (한국 시간)": "From (Korean time)",
    "끝 (한국 시간)": "To (Korean time)",
    "대화 보기": "Read the conversation",
    "질문": "Asked",
    "답변": "Reply",
    "아직 없음": "none yet",
    "걸린 시간": "Took",
    "프롬프트 + 답변": "prompt + answer",
    "조건에 맞는 대화가 없습니다.": "No turn matches.",
    "아직 대화가 없습니다. 메신저로 첫 질문이 오면 여기에 나타납니다.": (
        "There are no turns yet. The first question from a messenger appears here."
    ),
    "기록 없음": "none recorded",
    "전달 상태": "Delivery",
    "{field}에 알 수 없는 값이 있습니다. 목록에서 골라 주세요.": (
        "{field}: the value is unknown. Choose one of the list."
    ),
    "{field} 시각을 읽을 수 없습니다. 예: 2026-11-22T09:30": (
        "{field}: the time cannot be read. Example: 2026-11-22T09:30"
    ),
    "검색어는 {count}자까지 쓸 수 있습니다.": "A search has up to {count} characters.",
    "시작 시각이 끝 시각보다 늦습니다. 기간을 다시 정해 주세요.": (
        "The range begins after its end. Choose another."
    ),
    "한 글자 검색은 최근 {days}일만 검색합니다. 끝 시각을 정하면 그 앞 {days}일을 검색합니다.": (
        "One syllable is searched for in the last {days} days, or in the {days} days before the"
        " end of the range."
    ),
    "대화": "Conversation",
    "대화방": "room",
    "{moment}에 시작": "since {moment}",
    "질문 {count}개": "{count} questions",
    "이전 대화": "Older turns",
    "다음 대화": "Newer turns",
    "최신 대화로": "To the newest turns",
    "새 대화": "New conversation",
    "(글 없음)": "(no text)",
    "첨부 {count}개": "{count} attached",
    "봇": "Bot",
    "봇 · 보낸 답변 없음": "Bot · no answer was sent",
    "아직 답변이 없습니다.": "There is no answer yet.",
    "다시 보내기": "Send again",
    "이 구간에는 대화가 없습니다.": "There are no turns in this part.",
    "해당 대화를 찾을 수 없습니다. 삭제되었거나 주소가 잘못되었을 수 있습니다.": (
        "There is no such conversation. It was deleted, or the address is wrong."
    ),
    "해당 질문을 찾을 수 없습니다. 삭제되었거나 주소가 잘못되었을 수 있습니다.": (
        "There is no such turn. It was deleted, or the address is wrong."
    ),
    "이미 전달되었거나 다시 보내는 중인 답변입니다.": (
        "The answer was delivered, or is being sent again."
    ),
    "상태": "Status",
    "전달": "Delivery",
    "메신저": "Messenger",
    "토큰": "Tokens",
    "프롬프트 {prompt}, 답변 {answer}": "prompt {prompt}, answer {answer}",
    "접수": "Received",
    "대기열": "Queued",
    "생성 시작": "Started",
    "첫 토큰": "First token",
    "생성 시간": "Generation",
    "답변 확정": "Settled",
    "전달 완료": "Delivered",
    "프롬프트에서 제외된 메시지": "Messages left out of the prompt",
    "모델": "Model",
    "프리셋": "Preset",
    "종료 사유": "Finish reason",
    "모델의 추론": "The model's reasoning",
    "실패": "Failed",
    "전달 방법": "Delivered by",
    "전달 시도": "Attempts",
    "전달 내용": "Delivery detail",
    "순번": "Number",
    "턴 ID": "Turn ID",
    "{seq} (세션 {epoch})": "{seq} (session {epoch})",
    "시도 {number}": "Attempt {number}",
    "접수됨": "received",
    "대기 중": "queued",
    "생성 중": "generating",
    "답변 완료": "answered",
    "시간 초과": "expired",
    "취소됨": "cancelled",
    "다음 질문과 함께 답변": "answered with the next question",
    "전달 대기": "pending",
    "전달 중": "sending",
    "버튼 대기": "held for the button",
    "전달됨": "delivered",
    "전달 여부 미확인": "unconfirmed",
    "전달 실패": "delivery failed",
    "기한 만료": "delivery expired",
    "즉시 응답": "response",
    "콜백": "callback",
    "전송": "post",
    "답변 확인 버튼": "button",
    "정상 종료": "stop",
    "길이 제한 도달": "length",
    "시간 제한 도달": "deadline",
    "같은 말 반복": "repetition",
    "잘못된 작업": "invalid job",
    "질문이 너무 김": "the question is too long",
    "모델 서버에 연결되지 않음": "the engine is unavailable",
    "모델 서버 과부하": "the engine is overloaded",
    "모델 서버 오류": "the engine failed",
    "메모리 부족": "out of memory",
    "제시간에 답변하지 못함": "not answered in time",
    "여러 번 시도했으나 실패": "all attempts failed",
    "저장 오류": "storage fault",
}
