"""The search box, its conditions, and saved searches."""

from __future__ import annotations

SEARCH = {
    '예: 환불 규정, ㅎㅂ, "환불 규정", 상태:실패 시간:>30s': (
        'Example: refund, "refund rules", status:failed latency:>30s'
    ),
    "검색 조건": "Conditions",
    "조건 {count}개를 고를 수 있습니다.": "{count} conditions to choose from.",
    "검색 방법": "How to search",
    (
        "낱말을 여러 개 쓰면 모두 들어 있는 대화를 찾습니다. 큰따옴표로 묶으면 띄어쓰기까지 그대로"
        " 찾고, 초성만 써도 찾습니다(ㅎㅂ → 환불). 아래 조건을 함께 쓸 수 있고, 같은 조건을 여러 번"
        " 쓰면 그중 하나에 맞는 대화를 찾습니다."
    ): (
        "Several words must all stand in a turn. Quotation marks keep the spaces as they are;"
        " Korean is also found by its initial consonants. Conditions can be added; of several"
        " with one name, one must hold."
    ),
    "저장한 검색": "Saved searches",
    "{name} 삭제": "Delete {name}",
    "이 검색을 저장": "Save this search",
    "이름": "Name",
    "읽지 못한 조건을 빼고 찾았습니다.": "What could not be read was left out.",
    "제한 시간 안에 {moment}까지 찾았습니다.": "In its time the search came to {moment}.",
    "그 이전을 계속 찾기": "Search on before that",
    "이름은 1자에서 {count}자까지 쓸 수 있습니다.": "A name has 1 to {count} characters.",
    "{count}자가 넘는 검색은 저장할 수 없습니다.": (
        "A search of more than {count} characters cannot be saved."
    ),
    "검색은 {count}개까지 저장할 수 있습니다. 쓰지 않는 것을 먼저 삭제해 주세요.": (
        "Up to {count} searches can be saved. Delete one that you do not use."
    ),
    "저장한 검색을 찾을 수 없습니다. 이미 삭제되었을 수 있습니다.": (
        "There is no such saved search. It may be deleted already."
    ),
    "알 수 없는 값입니다. 예: {examples}": "The value is unknown. Examples: {examples}",
    "시간을 읽을 수 없습니다. 예: >30s, <1500ms": (
        "The duration cannot be read. Examples: >30s, <1500ms"
    ),
    "숫자를 읽을 수 없습니다. 예: >1000": "The number cannot be read. Example: >1000",
    "날짜를 읽을 수 없습니다. 예: 2026-11-20..2026-11-22": (
        "The date cannot be read. Example: 2026-11-20..2026-11-22"
    ),
    "시작이 끝보다 늦습니다.": "It begins after its end.",
    "‘{field}’에는 <, >를 쓸 수 없습니다.": "{field} takes no < or >.",
    "값이 없습니다. 예: {example}": "There is no value. Example: {example}",
    "값은 {count}자까지 쓸 수 있습니다.": "A value has up to {count} characters.",
    "낱말은 {count}자까지 쓸 수 있습니다.": "A word has up to {count} characters.",
    "‘{name}’ 조건은 없습니다. 글 그대로 찾으려면 큰따옴표로 묶어 주세요.": (
        "There is no condition {name}. Put it into quotation marks to search for the text."
    ),
    "낱말은 {count}개까지 쓸 수 있습니다.": "A search has up to {count} words.",
    "조건은 {count}개까지 쓸 수 있습니다.": "A search has up to {count} conditions.",
    "예": "example",
    "워크스페이스": "Workspace",
    "작업공간": "Workspace",
    "방": "Room",
    "설정": "Config version",
    "평가": "Feedback",
    "종료": "Finish reason",
    "날짜": "Date",
    "좋아요": "good",
    "싫어요": "bad",
    "기록 없음": "none recorded",
}
