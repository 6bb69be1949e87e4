"""Review queues, judging, adjudication and agreement."""

from __future__ import annotations

_LABELS = {
    "검토": "Review",
    "좋음": "Good",
    "문제 있음": "Has problems",
    "틀림": "Wrong",
    "도움 안 됨": "Unhelpful",
    "안전하지 않음": "Unsafe",
    "한국어 어색함": "Unnatural Korean",
    "검토 대기": "Open",
    "고친 답변": "Corrected",
    "의견 갈림": "Disputed",
    "최종 판정": "Decided",
    "판정": "Verdict",
    "메모": "Note",
}

_QUEUES = {
    "검토 대기열": "Review queues",
    "대기열 만들기": "New queue",
    "검토자 일치도": "Agreement",
    "닫힘": "closed",
    "채우는 중": "being filled",
    (
        "아직 검토 대기열이 없습니다. 대화 목록에서 검색한 뒤 ‘이 검색으로 검토 대기열"
        " 만들기’를 누르거나 위의 ‘대기열 만들기’로 시작할 수 있습니다."
    ): (
        "There are no review queues yet. Search the list of turns and press “Review queue of this"
        " search”, or begin with “New queue” above."
    ),
    "이전 대기열": "Older queues",
    "이 검색으로 검토 대기열 만들기": "Review queue of this search",
    "저장한 검색에서 시작하기": "Begin with a saved search",
    "검색 조건 (비우면 모든 답변)": "Search (empty: all answers)",
    "고르는 방법": "Which answers",
    "표본 크기": "Size of the sample",
    "표본 크기 (일부만 고를 때)": "Size of the sample (if it is one)",
    "나누는 기준": "Kinds",
    "나누는 기준 (종류마다 고를 때)": "Kinds (if the same number of each)",
    "답변마다 검토자 수": "Reviewers per answer",
    "예약 시간(분)": "Minutes of a reservation",
    "시드": "Seed",
    "시드 (비우면 무작위)": "Seed (empty: a random one)",
    (
        "새 답변이 생기면 자동으로 추가 (일부만 고를 때는 하루에 한 번, 하루치에서 표본 크기만큼)"
    ): "Add new answers by itself (a sample: once a day, so many of that day)",
    "같은 시드와 조건은 언제나 같은 답변을 고릅니다.": (
        "The same seed and search always choose the same answers."
    ),
    "조건에 맞는 답변 모두": "all that match",
    "그중 ‘싫어요’를 받은 답변 모두": "those of them that somebody voted down",
    "무작위로 일부": "a random sample",
    "종류마다 고르게 일부": "the same number of each kind",
    "메신저와 상태": "Messenger and status",
    "‘싫어요’의 이유": "Reason of a bad vote",
    "무작위 {size}개 (시드 {seed})": "{size} at random (seed {seed})",
    "{strata}마다 고르게 {size}개 (시드 {seed})": "{size}, as many of each: {strata} (seed {seed})",
    "새로 생기면 자동으로 추가": "fills itself",
    "답변마다 {count}명": "{count} per answer",
    "예약 {minutes}분": "reserved for {minutes} min",
    "검색어는 {count}자까지 쓸 수 있습니다.": "A search has {count} characters at most.",
    "‘{field}’에는 {low}부터 {high}까지의 숫자를 써 주세요.": (
        "“{field}” takes a number from {low} to {high}."
    ),
    "‘{field}’ 값을 목록에서 골라 주세요.": "Choose “{field}” from the list.",
    "해당 검토 대기열을 찾을 수 없습니다.": "There is no such review queue.",
    "열린 대기열은 {count}개까지 둘 수 있습니다. 다 본 대기열을 먼저 닫아 주세요.": (
        "There can be {count} open queues. Close one that is done first."
    ),
    "대기열이 이미 그 상태입니다.": "The queue is in that state already.",
    (
        "검토가 하나도 없는 닫힌 대기열만 삭제할 수 있습니다. 검토가 있는"
        " 대기열은 통계에 쓰이므로 닫은 채로 남겨 둡니다."
    ): (
        "Only a closed queue can be deleted, and only where no review was written in it. One with"
        " reviews stays closed, for the figures."
    ),
}

_QUEUE = {
    "{name} 님이 만듦": "made by {name}",
    "{name}의 진행": "Progress of {name}",
    "{turns}개 가운데 {done}개 마침": "{done} of {turns} done",
    (
        "지금 검토할 수 있는 답변을 모두 보았습니다. 다른 검토자가 예약한 답변은 예약이 끝나면"
        " 다시 나타납니다."
    ): (
        "You have seen all that can be reviewed now. What others have reserved comes back when"
        " their reservation ends."
    ),
    "답변을 고르는 중입니다. 지금까지 {count}개를 확인했습니다.": (
        "The answers are being chosen. {count} were looked at so far."
    ),
    "지난번에 끝까지 고르지 못했습니다. 잠시 뒤 다시 시도합니다. ({fault})": (
        "The last filling ended early. It is tried again soon. ({fault})"
    ),
    "검토 시작하기": "Begin to review",
    "이어서 검토하기": "Go on reviewing",
    "대기열 다시 열기": "Open the queue again",
    "대기열 닫기": "Close the queue",
    "대기열 삭제": "Delete the queue",
    "대기열을 닫으면 검토 중인 예약도 모두 풀립니다.": (
        "Closing the queue ends all reservations, also of those who are reviewing."
    ),
    (
        "닫힌 대기열에는 답변이 더 들어오지 않고 판정할 수 없습니다. 예약은 모두 풀렸고, 지금까지의"
        " 판정은 통계에 남습니다."
    ): (
        "A closed queue takes no answers and no judgements. All its reservations have ended, and"
        " the judgements up to now stay in the figures."
    ),
    "이 대기열에 검토가 있어 삭제할 수 없습니다.": (
        "It cannot be deleted: reviews were written in it."
    ),
    "판정함": "Judged",
    "판단하지 않음": "Declined",
    "마지막 검토": "Last review",
    "답변 고르기": "Choose answers",
    "남은 검토": "Open reviews",
    "마친 검토": "Done reviews",
    "검토 보기": "Show the review",
    "검토 {count}명 남음": "reviews needed: {count}",
    "{name} 님이 {time}까지 예약": "reserved by {name} until {time}",
    "여기에 해당하는 답변이 없습니다.": "There are no such answers.",
    "조건에 맞는 답변이 아직 없습니다. 답변이 생기면 여기에 나타납니다.": (
        "No answer matches yet. New ones appear here."
    ),
    "조건에 맞는 답변이 없습니다. 다른 조건으로 대기열을 만들어 보세요.": (
        "No answer matches. Make a queue with another search."
    ),
    "다음 답변들": "Next answers",
}

_PAGE = {
    "답변 검토": "Review an answer",
    "대화 전체 보기": "Whole conversation",
    "대기열에서 이동": "Move in the queue",
    "앞 답변": "Previous",
    "뒤 답변": "Next",
    "{place}번째": "no. {place}",
    "{name} 님이 {time}까지 예약해 검토하고 있습니다.": "{name} has reserved it until {time}.",
    "{time}까지 예약되어 있습니다. ‘바뀐 부분 보기’를 누르면 예약 시간이 새로 시작됩니다.": (
        "Reserved for you until {time}. “Compare” begins the time anew."
    ),
    "앞선 대화 {count}개": "{count} turns before",
    "(답변 없음)": "(no answer)",
    "사용자들의 평가": "People's votes",
    "무엇이 문제인가요?": "What is the problem?",
    "고친 답변 (고칠 것이 없으면 그대로 두세요)": (
        "Corrected answer (leave it if there is nothing to correct)"
    ),
    "바뀐 부분": "Changes",
    "바뀐 부분 보기": "Compare",
    "저장하고 다음으로": "Save and go on",
    "저장하기": "Save",
    "나중에 하기": "Later",
    "판단하지 않기": "Decline",
    "최종 판정 정하기": "Decide what counts",
    "최종 판정은 검토자들의 의견보다 앞서고, 남은 검토를 끝냅니다.": (
        "Your decision counts before the reviewers' and ends what is open."
    ),
    "최종 판정으로 저장": "Save the decision",
    "검토 기록": "Reviews",
    "다른 검토자의 의견 보기 (먼저 판정하면 영향을 받지 않습니다)": (
        "Show what others say (judge first to stay independent)"
    ),
    "다른 검토자의 의견은 먼저 판정하면 볼 수 있습니다.": (
        "You see what others say once you have judged it yourself."
    ),
}

_KEYS = {
    "키보드로 검토하기": "Review by keyboard",
    "좋음으로 판정하기": "It is good",
    "문제를 고르거나 빼기": "Choose a problem, or take it back",
    "고친 답변, 메모 쓰기": "Write the correction, the note",
    "쓰기를 마치고 나오기": "Leave the field",
    "앞 답변, 뒤 답변": "Previous, next answer",
    "이 목록 열고 닫기": "Open and close this list",
}

_REFUSALS = {
    (
        "그사이 대기열이 닫혀 저장하지 않았습니다. 입력한 내용은 그대로 있습니다. 대기열을 다시 연"
        " 뒤 저장하거나, 대화 페이지에서 대기열 없이 판정해 주세요."
    ): (
        "The queue was closed meanwhile, so nothing was saved. Your text is still here. Open the"
        " queue again and save, or judge the answer on its own page, without the queue."
    ),
    "판정을 골라 주세요.": "Choose a verdict.",
    "무엇이 문제인지 하나 이상 골라 주세요.": "Choose at least one problem.",
    "‘좋음’이면 문제를 고를 수 없습니다. 둘 중 하나만 골라 주세요.": (
        "A good answer has no problems. Choose one or the other."
    ),
    "‘좋음’이면 답변을 고칠 수 없습니다. 판정을 바꾸거나 고친 답변을 지워 주세요.": (
        "A good answer needs no correction. Change the verdict, or delete the correction."
    ),
    "‘{field}’에는 {count}자까지 쓸 수 있습니다. 지금은 {now}자입니다.": (
        "“{field}” takes {count} characters at most. It has {now} now."
    ),
    "아직 저장하지 않았습니다. 예약 시간을 새로 시작했습니다.": (
        "It is not saved yet. The time of your reservation has begun anew."
    ),
    "아직 저장하지 않았습니다. 바뀐 부분을 확인해 주세요.": (
        "It is not saved yet. Look at the changes."
    ),
    "검토할 답변을 찾을 수 없습니다. 삭제되었거나 주소가 잘못되었을 수 있습니다.": (
        "There is no such answer. It was deleted, or the address is wrong."
    ),
    (
        "로그인이 바뀌어 저장하지 않았습니다. 입력한 내용은 그대로 있으니 확인하고 다시 저장해"
        " 주세요."
    ): "Your login has changed, so nothing was saved. Your text is still here: save it again.",
    (
        "다른 검토자가 이 답변을 검토하고 있어 저장하지 않았습니다. 입력한 내용은 그대로 있습니다."
        " 예약이 끝난 뒤 다시 저장하거나 다음 답변으로 넘어가 주세요."
    ): (
        "Somebody else is reviewing this answer, so nothing was saved. Your text is still here:"
        " save it once the reservation ends, or go on to the next answer."
    ),
    (
        "그사이 다른 검토자가 이 답변의 검토를 마쳐 저장하지 않았습니다. 입력한 내용은 그대로"
        " 있습니다. 의견을 더 남기려면 한 번 더 저장해 주세요."
    ): (
        "Somebody else has judged this answer meanwhile, so nothing was saved. Your text is still"
        " here: save once more to add your opinion."
    ),
    (
        "그사이 저장된 판정이 바뀌어 저장하지 않았습니다. 지금 저장된 내용은 아래 기록에 있습니다."
        " 그래도 바꾸려면 한 번 더 저장해 주세요."
    ): (
        "What is saved has changed meanwhile, so nothing was saved. See it below: save once more"
        " to replace it."
    ),
    "저장하지 못한 내용": "What could not be saved",
    "입력한 내용 {number}": "Your text {number}",
    "새 창에서 로그인": "Log in, in a new window",
    "로그인이 만료되어 저장하지 못했습니다. 새 창에서 로그인한 뒤 다시 보내 주세요.": (
        "Your login has expired, so nothing was saved. Log in, in a new window, then send it again."
    ),
}

_AGREEMENT = {
    "함께 검토한 답변": "Answers in common",
    "계수": "Coefficient",
    "95% 신뢰구간": "95 % interval",
    "뜻": "Meaning",
    "더 쌓이면 표시": "too few yet",
    "모든 검토": "All reviews",
    "두 명 이상이 검토한 답변의 의견 {count}개": (
        "{count} judgements of answers that two reviewers have judged"
    ),
    "모든 검토자: 크리펜도르프 알파(명목)": "All reviewers: Krippendorff's alpha (nominal)",
    "두 검토자씩: 코언의 카파": "Pairs of reviewers: Cohen's kappa",
    (
        "1은 완전한 일치, 0은 우연만큼의 일치입니다. 0.8 이상이면 믿을 만하고, 0.667 미만이면"
        " 기준을 다시 맞추는 편이 좋습니다. 신뢰구간은 답변을 하나씩 빼 보며 구합니다."
    ): (
        "1 is perfect agreement, 0 is that of chance. Above 0.8 one can rely on it; below 0.667"
        " the reviewers had better talk about their criteria. The interval is of the jackknife."
    ),
    (
        "두 명 이상이 검토한 답변이 아직 없습니다. 대기열을 만들 때 ‘답변마다 검토자 수’를 2"
        " 이상으로 정하면 여기에 일치도가 나타납니다."
    ): (
        "No answer has two reviews yet. Make a queue with two reviewers per answer, and their"
        " agreement is shown here."
    ),
    "계산할 수 없음": "undefined",
    "믿을 만함": "reliable",
    "조심해서 볼 것": "tentative",
    "믿기 어려움": "unreliable",
}

_ACTS = {
    "검토 대기열 만들기": "Review queue made",
    "검토 대기열 닫기": "Review queue closed",
    "검토 대기열 다시 열기": "Review queue opened again",
    "검토 대기열 삭제": "Review queue deleted",
    "검토 화면 열람": "Answer read for review",
    "검토 거절": "Review declined",
    "최종 판정 기록": "Verdict decided",
    "검토 일치도 열람": "Agreement read",
    "판정 이유": "reasons of the verdict",
    "답변 고침": "answer corrected",
}

REVIEWS: dict[str, str] = {
    **_LABELS,
    **_QUEUES,
    **_QUEUE,
    **_PAGE,
    **_KEYS,
    **_REFUSALS,
    **_AGREEMENT,
    **_ACTS,
}
