"""Data sets, their cards, and people who are left out of them."""

from __future__ import annotations

_PAGES = {
    (
        "평가한 대화로 모델을 가르칠 자료를 만듭니다. 개인정보는 가리고, 학습 제외를 요청한 사람의"
        " 대화는 넣지 않습니다."
    ): (
        "Training data out of judged conversations. Personal data is masked, and people who asked"
        " to be left out are not in it."
    ),
    "{count}개 항목": "{count} items",
    "아직 데이터 세트가 없습니다. 아래에서 조건을 정해 첫 데이터 세트를 만들어 보세요.": (
        "There are no data sets yet. Choose the conditions of the first one below."
    ),
    "더 오래된 데이터 세트가 없습니다.": "There are no older data sets.",
    "더 오래된 데이터 세트": "Older data sets",
    "새로 만들기": "New data set",
    "저장한 검색으로": "From a saved search",
    "조건 (대화 목록의 검색과 같습니다. 비워 두면 평가가 있는 모든 대화)": (
        "Conditions, as in the search of conversations; empty: all that were judged"
    ),
    "토큰 검사": "Token check",
    "하지 않음": "None",
    "항목의 최대 토큰": "Maximum of tokens in an item",
    "띄어쓰기와 문장 부호만 다른 글도 하나만 넣기": (
        "Keep one of those that differ in spaces and punctuation alone"
    ),
    "만들기": "Build",
    "고친 답변, 또는 좋다는 평가를 받은 답변을 그대로 배웁니다.": (
        "The model learns corrected answers, and those that were called good."
    ),
    ("고친 답변과 원래 답변, 또는 ‘다시’로 만든 두 답변 가운데 나은 것을 고르도록 배웁니다."): (
        "The model learns to prefer a correction to the answer, or the better one of two answers"
        " to a question that was asked again."
    ),
    (
        "워커가 그 프리셋의 대화 형식으로 바꿔 길이를 재고, 너무 길거나 바꿀 수 없는 항목을 뺍니다."
    ): (
        "A worker renders each item with that preset's chat template and measures it. Items that"
        " are too long or cannot be rendered are left out."
    ),
    "이 검색으로 데이터 세트 만들기": "Build a data set from this search",
}

_PAGE = {
    "대화 {looked}건을 보고 {count}개 항목을 만들었습니다.": (
        "{looked} turns looked at, {count} items made."
    ),
    "데이터 세트 진행": "Progress of the data set",
    (
        "{preset} 프리셋의 워커가 항목을 검사합니다. {unchecked}개가 남았고, {waiting}개가 워커를"
        " 기다립니다."
    ): (
        "Workers with the preset {preset} check the items. {unchecked} are left, and {waiting} jobs"
        " are in their queue."
    ),
    (
        "만들다가 오류가 났습니다. 새 버전으로 다시 만들어 보고, 또 같으면 서버 기록의"
        " dataset_failed를 확인해 주세요."
    ): (
        "An error ended the work. Build a new version; where it comes again, look for"
        " dataset_failed in the server's log."
    ),
    (
        "넣을 수 있는 대화가 없었습니다. 아래에서 이유를 보고, 대화를 더 평가하거나 조건을 넓혀"
        " 다시 만들어 주세요."
    ): (
        "No turn could become an item. See the reasons below, then judge more turns or widen the"
        " conditions, and build it again."
    ),
    "내보낸 버전이라 더 바뀌지 않습니다. 삭제를 요청한 사람의 항목만 빠집니다.": (
        "This version was exported and does not change any more. Only items of people who are"
        " erased leave it."
    ),
    "남은 항목은 검사 없이 끝내기": "End without checking the rest",
    "항목 보기": "See the items",
    "함께 내보내는 설명서 (README.md)": "The card that goes with it (README.md)",
    "지금의 대화로 새 버전 만들기": "Build a new version from today's turns",
    "항목": "Items",
    "항목 고르기": "Choose items",
    "나눔": "Split",
    "이 조건의 항목이 없습니다.": "There are no such items.",
    "다음 항목": "Next items",
    "더 나은 답변": "Better answer",
    "덜 나은 답변": "Worse answer",
}

_LABELS = {
    "좋은 답변 배우기 (SFT)": "Good answers (SFT)",
    "더 나은 답변 고르기 (DPO)": "Better and worse answers (DPO)",
    "토큰 검사 중": "Being checked",
    "학습": "Training",
    "검증": "Validation",
    "시험": "Test",
    "검토자가 고친 답변": "Corrected by a reviewer",
    "검토자가 좋다고 한 답변": "Called good by reviewers",
    "사용자가 👍을 누른 답변": "Voted good by the person",
    "다시 만든 답변과 그 전 답변": "Asked again: the new answer and the one before",
    "학습 제외를 요청한 사람의 대화": "Of a person who is left out of training",
    "이미 들어 있는 글과 같음": "The same text as another item",
    "좋다는 평가나 고친 답변이 없음": "Not called good, and not corrected",
    "더 나은 답변과 덜 나은 답변의 쌍이 없음": "No better and worse answer",
    "다른 사람의 글이 섞인 질문": "The question quotes other people",
    "사진이 있는 질문": "The question has pictures",
    "잘린 답변을 이어 쓴 것": "The answer goes on with another one",
    "질문이나 답변에 글이 없음": "No text in the question or the answer",
    "정한 토큰 수보다 긺": "More tokens than allowed",
    "모델의 대화 형식으로 바꿀 수 없음": "The model's template cannot render it",
    "데이터베이스가 저장하지 못한 글": "The database could not store it",
}

_ORDERS = {
    "{count}자가 넘는 검색으로는 만들 수 없습니다.": (
        "The search is longer than {count} characters."
    ),
    "데이터 세트의 종류를 목록에서 골라 주세요.": "Choose the kind of the data set from the list.",
    "토큰을 검사할 프리셋을 목록에서 골라 주세요.": "Choose the preset of the check from the list.",
    "최대 토큰은 {least}에서 {most}까지의 수입니다.": (
        "The maximum of tokens is a number from {least} to {most}."
    ),
    "해당 데이터 세트를 찾을 수 없습니다. 삭제되었을 수 있습니다.": (
        "There is no such data set. It may have been deleted."
    ),
    "데이터 세트는 {count}개까지 한꺼번에 만들 수 있습니다. 끝난 뒤에 다시 눌러 주세요.": (
        "At most {count} data sets can be built at once. Try again when one has ended."
    ),
    "항목이 없어 내보낼 것이 없습니다. 대화를 더 평가하거나 조건을 넓혀 다시 만들어 주세요.": (
        "There are no items. Judge more turns or widen the conditions, and build it again."
    ),
    "진행 중인 토큰 검사가 없습니다.": "No check is running.",
    "아직 만드는 중이거나 없는 데이터 세트입니다. 완료된 뒤에 내보내 주세요.": (
        "The data set is still being built, or there is none. Export it when it is ready."
    ),
}

_OPT_OUTS = {
    "학습에서 제외한 사람": "People left out of training",
    (
        "등록하면 그 사람의 글이 있는 항목과 내보낸 파일을 바로 지우고, 앞으로 만드는 데이터"
        " 세트에도 넣지 않습니다. 대화 자체는 그대로입니다."
    ): (
        "The person's items and the exported files that hold them are deleted at once, and no later"
        " data set has them. The conversations stay."
    ),
    "{name} 학습 제외 해제": "Let {name} be in training again",
    "해제": "Revoke",
    "학습에서 제외한 사람이 없습니다. 요청을 받으면 아래에 등록해 주세요.": (
        "Nobody is left out of training. Record a request below."
    ),
    "더 오래된 기록이 없습니다.": "There are no older ones.",
    "더 오래된 기록": "Older ones",
    "등록": "Record",
    "그 사람이 한 질문의 턴 ID (대화 페이지에 있습니다)": (
        "The turn ID of one of the person's questions, as the conversation shows it"
    ),
    "학습에서 제외": "Leave out of training",
    (
        "그 턴 ID의 대화를 찾을 수 없습니다. 대화 페이지에서 그 사람의 질문에 있는 턴 ID를 옮겨"
        " 적어 주세요."
    ): "There is no turn with that ID. Copy the turn ID of one of the person's questions.",
    "누구의 요청인지 등 사유를 적어 주세요. 접속기록에 남습니다.": (
        "Give a reason, such as whose request it is. The audit log keeps it."
    ),
    "이미 학습에서 제외한 사람입니다.": "The person is left out already.",
    "학습 제외 목록에 없는 사람입니다.": "The person is not left out.",
}

_CARD = {
    "내보낸 시각": "Exported at",
    "없음 (평가가 있는 모든 대화)": "None (all turns that were judged)",
    "살펴본 대화": "Turns looked at",
    "만든 뒤 삭제된 항목": "Items deleted since",
    "같은 글": "Same texts",
    "띄어쓰기와 문장 부호만 달라도 하나만 남김": (
        "One is kept, also where spaces and punctuation differ"
    ),
    "하나만 남김": "One is kept",
    "{preset} · 최대 {limit}토큰 · 가장 긴 항목 {longest} · 검사하지 않은 항목 {unchecked}": (
        "{preset} · at most {limit} tokens · longest item {longest} · unchecked items {unchecked}"
    ),
    "좋은 답변의 출처": "Where good answers come from",
    "답변한 모델": "Models that answered",
    "넣지 않은 대화와 그 이유": "Turns left out, and why",
    "나누는 방법": "Splits",
    (
        "대화 번호의 해시로 나눕니다. 한 대화의 항목은 모두 같은 쪽에 있고, 데이터가 늘어도 바뀌지"
        " 않습니다. 학습 90%, 검증 5%, 시험 5%가 기준입니다."
    ): (
        "By a hash of the conversation's number. All items of a conversation are in one split, also"
        " when the data grows. 90 % are for training, 5 % for validation, 5 % for the test."
    ),
    (
        "전화번호, 이메일, 주민등록번호, 카드·계좌·여권 번호는 종류의 이름으로 바꿨습니다. 사람"
        " 이름과 주소는 알아낼 수 없어 남아 있을 수 있습니다. 학습 제외를 요청한 사람의 대화는"
        " 없습니다."
    ): (
        "Numbers of phones, residents, cards, accounts and passports, and mail addresses, are"
        " replaced by the name of their kind. People's names and addresses cannot be recognized and"
        " may be left. People who asked to be left out of training are not in it."
    ),
    "라이선스": "Licence",
    "질문은 대화한 사람들이 쓴 글입니다. 밖에 내보내기 전에 동의와 약관을 확인하세요.": (
        "The questions were written by people. Look at their consent and your terms before you"
        " give the data away."
    ),
    (
        "Llama 3 계열 모델의 답변이 들어 있습니다. 이 데이터로 만든 모델을 배포하려면 “Built with"
        " Meta Llama 3”를 표시하고 모델 이름을 “Llama 3”로 시작해야 합니다."
    ): (
        "It holds answers of a model made of Llama 3. Whoever distributes a model trained on them"
        " has to show “Built with Meta Llama 3” and to begin its name with “Llama 3”."
    ),
    (
        "Meta Llama 3 Community License는 Llama 3의 출력을 Llama 3가 아닌 다른 언어 모델의 개선에"
        " 쓰지 못하게 합니다. 다른 모델에 쓰기 전에 사용한 모델의 라이선스를 읽어 주세요."
    ): (
        "The Meta Llama 3 Community License forbids the use of Llama 3's output to improve language"
        " models that are not Llama 3. Read the licence of the model before you train another one."
    ),
    "값": "Value",
}

_REPLAYS = {
    "이 질문들을 다시 물어보고 비교하기": "Ask these questions again and compare",
    "이 데이터 세트로 한 비교가 아직 없습니다.": "No comparison uses this data set yet.",
    (
        "{preset} 프리셋의 토크나이저를 가진 워커가 지금 없어 검사가 멈춰 있습니다. 그런 워커를"
        " 켜면 이어서 검사합니다. 기다리지 않으려면 아래에서 검사 없이 끝내 주세요."
    ): (
        "No worker has the tokenizer of the preset {preset} now, so the check stands still. It goes"
        " on once there is one. So as not to wait, end it below without a check."
    ),
}

DATASETS: dict[str, str] = {
    **_PAGES,
    **_PAGE,
    **_LABELS,
    **_ORDERS,
    **_OPT_OUTS,
    **_CARD,
    **_REPLAYS,
}
