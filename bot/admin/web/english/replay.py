"""Replays and the blind comparison."""

from __future__ import annotations

_LIST = {
    "개선": "Improve",
    "답변 비교": "Comparisons",
    "새 비교 시작": "New comparison",
    "이전 비교": "Older comparisons",
    (
        "이미 답한 질문을 다른 모델이나 프롬프트로 다시 물어보고, 어느 쪽이 새 답변인지 모른 채로"
        " 비교합니다. 실시간 질문이 먼저이고, 남는 자리에서만 답변을 만듭니다."
    ): (
        "Ask questions again with another model or prompt, and compare both answers without"
        " knowing which is new. Live questions come first: only what they leave is used."
    ),
    (
        "아직 비교가 없습니다. 대화 목록에서 질문을 찾은 뒤 '다시 물어보고 비교하기'를 누르면"
        " 여기에 나타납니다."
    ): (
        "There are no comparisons yet. Find questions in the list of turns and press “Ask again"
        " and compare”; the comparison appears here."
    ),
    "다시 물어보고 비교하기": "Ask again and compare",
    "모든 질문": "all questions",
}

_FORM = {
    (
        "비교는 {count}개까지 한꺼번에 할 수 있습니다. 진행 중인 것이 끝나거나 멈춘 뒤에 다시 눌러"
        " 주세요."
    ): (
        "At most {count} comparisons go on at the same time. Try again once one has ended or was"
        " stopped."
    ),
    "무엇을": "What",
    "질문 수 (최대 {count})": "Questions (at most {count})",
    "검색 (비워 두면 모든 질문에서 최근 것부터)": "Search (empty: all questions, newest first)",
    "답변이 있고 사진이 없는 질문만 다시 물어봅니다.": (
        "Only questions with an answer and without pictures are asked again."
    ),
    "데이터 세트 {name}의 질문을 다시 물어봅니다.": (
        "Asks the questions of the data set {name} again."
    ),
    "검색으로 고르기": "Choose by a search",
    "다시 물어볼 데이터 세트를 찾을 수 없거나, 아직 다 만들어지지 않았습니다.": (
        "The data set to ask again cannot be found, or is not built yet."
    ),
    "무엇을 바꿔서": "With what changed",
    "아무 워커나": "Any worker",
    "그때와 같게": "As it was",
    "프리셋의 값": "the preset's",
    "답변의 최대 토큰": "Tokens of an answer at most",
    "난수 시드": "Seed",
    "매번 다르게": "another each time",
    "시스템 프롬프트 (비워 두면 그때와 같게)": "System prompt (empty: as it was)",
    "질문 수": "Questions",
    "다시 물어보기": "Ask again",
    "{field}에는 {low}부터 {high}까지의 수를 써 주세요.": (
        "{field} must be a number from {low} to {high}."
    ),
    "{field}에는 {count}자까지 쓸 수 있습니다.": "{field} may have {count} characters at most.",
}

_PROGRESS = {
    "다시 물어보기 진행": "Progress of asking again",
    "{total}건 가운데 {done}건 끝남": "{done} of {total} done",
    "{count}건 진행 중": "{count} under way",
    "{count}건 실패": "{count} failed",
    "질문 모으는 중": "finding questions",
    "엔진을 기다리는 중": "waiting for the engine",
    (
        "이 엔진을 쓰는 워커가 지금 없습니다. 워커가 다시 연결되면 남은 질문을 이어서"
        " 물어봅니다. 기다리지 않으려면 멈추기를 눌러 주세요. 이미 받은 답변은 그대로 남습니다."
    ): (
        "No worker has this engine now. Once one is back, the remaining questions are asked. Press"
        " “Stop” so as not to wait: the answers that have come stay."
    ),
    (
        "{names} 어댑터를 가진 워커가 지금 없어, 그 어댑터로 답했던 질문이 기다리고 있습니다. 그런"
        " 워커를 켜면 이어서 물어봅니다. 기다리지 않으려면 멈추기를 눌러 주세요. 이미 받은 답변은"
        " 그대로 남습니다."
    ): (
        "No worker has {names} now, so the questions that were answered with it wait. They are"
        " asked once such a worker is back. Press “Stop” so as not to wait: the answers that have"
        " come stay."
    ),
    "워커 상태 보기": "See the workers",
    (
        "사진이 있는 질문 {count}건은 뺐습니다. 사진을 보관하고 있지 않아 같은 질문을 다시 보낼 수"
        " 없습니다."
    ): (
        "{count} questions with pictures were left out. Their pictures are not kept, so the same"
        " question cannot be asked again."
    ),
    "답변이 없는 질문 {count}건은 뺐습니다. 새 답변과 비교할 이전 답변이 없습니다.": (
        "{count} questions without an answer were left out: there is none to compare with."
    ),
    "엔진 오류": "engine error",
    "워커의 결과를 읽을 수 없음": "unreadable result of a worker",
    "데이터베이스가 결과를 거부함": "result refused by the database",
    "실패한 이유:": "Why they failed:",
    "다시 물어볼 수 없음": "cannot be asked again",
    "빈 답변": "empty answer",
    "엔진이 거부함": "refused by the engine",
    "사진을 보는 모델이 없음": "no model that sees pictures",
    "프롬프트가 너무 김": "prompt too long",
    "워커가 여러 번 멈춤": "workers died",
    "아무것도 바꾸지 않고 그대로 다시 물어봅니다.": "Nothing is changed: asked as it was.",
    "무엇을 바꿨는지는 결과와 함께 보입니다.": "What was changed is shown with the outcome.",
    "이어서 하기": "Resume",
    "해당 비교를 찾을 수 없습니다. 삭제되었거나 주소가 잘못되었을 수 있습니다.": (
        "There is no such comparison. It was deleted, or the address is wrong."
    ),
    "이미 끝났거나 멈춘 비교입니다.": "The comparison has ended or is stopped already.",
    "멈춘 비교만 다시 시작할 수 있습니다.": "Only a stopped comparison can be resumed.",
}

_VOTES = {
    "비교할 답변 {all}쌍 가운데 {voted}쌍에 투표했습니다.": (
        "You have voted on {voted} of {all} pairs."
    ),
    "투표 진행": "Progress of your votes",
    "투표를 마치고 결과 보기": "End voting and see the outcome",
    "결과를 보고 나면 이 비교에는 더 투표할 수 없습니다.": (
        "Once you have seen the outcome you cannot vote here any more."
    ),
    "검토자:": "Reviewers:",
    "어느 답변이 더 낫나요?": "Which answer is better?",
    "앞선 대화 {count}건": "Earlier exchanges: {count}",
    "왼쪽 답변": "Left answer",
    "오른쪽 답변": "Right answer",
    "왼쪽이 더 나음": "Left is better",
    "오른쪽이 더 나음": "Right is better",
    "비슷함": "Tie",
    "둘 다 나쁨": "Both are bad",
    "지금의 투표": "your vote now",
    "건너뛰기": "Skip",
    "건너뛴 답변이 {count}쌍 남았습니다.": "Pairs that you have skipped: {count}.",
    "처음부터 이어서 비교하기": "Go on from the first",
    "모두 투표했습니다.": "You have voted on all pairs.",
    "결과를 보러 가기": "See the outcome",
    "아직 비교할 답변이 없습니다. 새 답변이 만들어지면 여기에 나타납니다.": (
        "There is nothing to compare yet. New answers appear here."
    ),
    "비교할 답변이 아직 없거나 삭제되었습니다.": (
        "There are no two answers to compare, or they were deleted."
    ),
    "결과를 이미 보았기 때문에 이 비교에는 더 투표할 수 없습니다.": (
        "You have seen the outcome, so you cannot vote here any more."
    ),
}

_OUTCOME = {
    "결과": "Outcome",
    "새 답변이 더 낫습니다": "The new answers are better",
    "새 답변이 더 나쁩니다": "The new answers are worse",
    "차이를 알 수 없습니다": "No difference can be told",
    "새 답변의 승률 {rate}% (95% 신뢰구간 {low}%~{high}%)": (
        "Win rate of the new answers: {rate}% (95% confidence interval {low}% to {high}%)"
    ),
    "투표": "Votes",
    "수": "Number",
    "새 답변": "New answer",
    "이전 답변": "Old answer",
    "대화 {conversations}개의 질문 {items}건입니다. 비슷함과 둘 다 나쁨은 반씩 셉니다.": (
        "{items} questions of {conversations} conversations. Ties and two bad answers count half."
    ),
    "두 답변이 같은 {count}건은 비슷함으로 셌습니다.": (
        "{count} with twice the same answer count as ties."
    ),
    "이만큼의 비교로 알아볼 수 있는 가장 작은 차이는 50%에서 {points}%p입니다.": (
        "The smallest difference that so many can show is {points} points from 50%."
    ),
    "아직 투표가 없습니다. 검토자가 답변을 비교하면 여기에 결과가 나타납니다.": (
        "There are no votes yet. Once reviewers have compared answers, the outcome appears here."
    ),
    "투표를 마치고 결과를 본 뒤에 내려받을 수 있습니다.": (
        "End voting and see the outcome first; then you can download it."
    ),
}

_AUDIT = {
    "답변 비교 시작": "Comparison ordered",
    "답변 비교 멈춤": "Comparison stopped",
    "답변 비교 재개": "Comparison resumed",
    "비교할 답변 열람": "Answers read to compare",
    "답변 비교 투표": "Vote in a comparison",
    "답변 비교 결과 열람": "Outcome of a comparison seen",
    "답변 비교 내려받기": "Comparison downloaded",
    "바꾼 조건": "Changed",
}

REPLAY = {**_LIST, **_FORM, **_PROGRESS, **_VOTES, **_OUTCOME, **_AUDIT}
