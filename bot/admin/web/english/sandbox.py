"""The sandbox chat."""

from __future__ import annotations

SANDBOX = {
    (
        "초안의 설정으로 모델에게 물어봅니다. 실제 대화가 먼저라서 바쁠 때는 답변이 늦습니다."
        " 대화 목록과 통계에는 남지 않고, 최근 질문 {count}개를 {hours}시간 동안 나만 볼 수 있게"
        " 보관합니다."
    ): (
        "Asks the model with the draft's settings. Real conversations come first, so answers take"
        " longer when it is busy. Nothing of it is in the log or the statistics; your newest"
        " {count} questions are kept for {hours} hours, for you alone."
    ),
    "저장한 초안이 없어 지금 설정으로 답합니다.": (
        "There is no saved draft, so the live settings answer."
    ),
    "초안 쓰기": "Begin a draft",
    "초안": "Draft",
    "답변이 없습니다.": "There is no answer.",
    "답변을 기다리고 있습니다…": "Waiting for the answer…",
    "아직 질문이 없습니다. 이 봇에 자주 오는 질문을 보내 보세요.": (
        "No questions yet. Send one that this bot often gets."
    ),
    "기다리는 질문 취소하기": "Cancel the question that waits",
    "새로고침해서 답변 보기": "Reload to see the answer",
    "지금 설정에도 같은 질문을 보내 나란히 보기": (
        "Ask the live settings the same, and see both side by side"
    ),
    "물어볼 말": "Your question",
    "보내기": "Send",
    "시험 대화 지우고 새로 시작": "Clear the chat and begin anew",
    "질문을 입력해 주세요.": "Type a question.",
    "질문은 {count}자까지 보낼 수 있습니다.": "A question has at most {count} characters.",
    "앞선 질문의 답변을 기다려 주세요. 한 번에 답변 {count}개까지 기다릴 수 있습니다.": (
        "Wait for the answers to your last question. At most {count} answers may be on their way."
    ),
    (
        "지금 답할 수 있는 워커가 없습니다. 질문을 보내 두면 워커가 켜진 뒤에 답합니다."
        " 워커 페이지에서 상태를 확인하거나, 기다리는 질문을 취소해 주세요."
    ): (
        "No worker can answer now. A question that you send is answered once a worker is there."
        " Look at the page of the workers, or cancel the question that waits."
    ),
    "Valkey에 연결되지 않아 워커가 있는지 알 수 없습니다.": (
        "Valkey cannot be reached, so it is unknown whether there is a worker."
    ),
}
