"""Evaluations of models."""

from __future__ import annotations

_LIST = {
    "모델 평가": "Evaluations",
    "새 모델이 우리 사용자에게 더 나은지를 같은 질문으로 재어 본 결과입니다.": (
        "Whether a new model is better for our people, measured with the same questions."
    ),
    (
        "아직 평가가 없습니다. 서버에서 python -m evaluation으로 평가하고, python -m bot"
        " evaluations add report.json으로 결과를 올리면 여기에 나타납니다."
    ): (
        "There are no evaluations yet. Evaluate on the server with python -m evaluation, and bring"
        " the result with python -m bot evaluations add report.json; it appears here."
    ),
    "이전 평가": "Older evaluations",
    "해당 평가를 찾을 수 없습니다. 삭제되었거나 주소가 잘못되었을 수 있습니다.": (
        "There is no such evaluation. It may be deleted, or its address is wrong."
    ),
    "다른 버전이 만든 평가라 이 버전은 보여 드릴 수 없습니다.": (
        "Another version made this evaluation, and this one cannot show it."
    ),
    "한 모델의 점수": "Scores of one model",
    "평가 등록": "Brought an evaluation",
    "평가한 답변 열람": "Read the answers of an evaluation",
    "평가 삭제": "Delete the evaluation",
}

_VERDICT = {
    "후보가 더 낫습니다": "The candidate is better",
    "후보가 더 나쁩니다": "The candidate is worse",
    "잴 수 없었습니다": "Could not be measured",
    "심사 모델이나 정답이 있는 질문이 없어 어느 쪽이 나은지 잴 수 없었습니다.": (
        "Without a judge, or questions with right answers, it could not be measured."
    ),
    "심사 모델이 심사한 쌍이 없어 다른 기준으로 정했습니다.": (
        "The judge has judged no pair: another measure decided."
    ),
    "후보의 답변이 평균 {mean} 높고, 우연으로 보기 어렵습니다.": (
        "The candidate's answers are {mean} better on average, which is hardly chance."
    ),
    "후보의 답변이 평균 {mean} 낮고, 우연으로 보기 어렵습니다.": (
        "The candidate's answers are {mean} worse on average, which is hardly chance."
    ),
    "이 질문들로는 어느 쪽이 낫다고 할 수 없습니다. 같다는 뜻은 아닙니다.": (
        "These questions do not show which one is better. That does not mean that they are equal."
    ),
    "질문이 이만큼이면 {detectable} 이상의 차이를 다섯 번에 네 번꼴로 알아봅니다.": (
        "So many questions show a difference of {detectable} or more four times in five."
    ),
    "데모 모델의 답변이 있습니다. 영어만 하는 아주 작은 모델이라 점수에 뜻이 없습니다.": (
        "Answers of the demo model are among these, a very small one that knows English only: the"
        " scores mean nothing."
    ),
}

_TABLES = {
    "나란히 놓고 심사 (1~10점)": "Judged side by side (1 to 10)",
    "따로 심사 (1~10점)": "Judged alone (1 to 10)",
    "정답 비율": "Share of right answers",
    "온전한 답변 비율": "Share of sound answers",
    "차이는 후보에서 기준을 뺀 값입니다. 그림의 가운데가 0, 양 끝이 ±{end}입니다.": (
        "Differences are candidate minus baseline. The middle of a drawing is 0, its ends are"
        " ±{end}."
    ),
    "분류": "Category",
    "차이": "Difference",
    "그림": "Drawing",
    "알아볼 수 있는 가장 작은 차이": "Smallest difference it could have shown",
    "정해지지 않음": "undefined",
    "점수": "Score",
    "심사한 답변": "Answers judged",
    "모델 카드": "Model card",
    "싱글턴": "Single turn",
    "멀티턴": "Multi turn",
    (
        "LogicKor는 모델 카드의 표를 재현하는 데만 씁니다. 42문항으로는 두 모델 점수 차이의"
        " 표준오차가 약 0.5점이라 더 작은 차이를 말해 주지 않습니다. 문항은 instructkr의 LogicKor"
        " (CC BY-SA 4.0)입니다."
    ): (
        "LogicKor serves to reproduce the model card's row alone. With 42 questions the standard"
        " error of a difference of two models is about 0.5: it tells nothing finer. Questions:"
        " LogicKor by instructkr (CC BY-SA 4.0)."
    ),
}

_CHECKS = {
    "심사 없이 본 것": "Checks without a judge",
    "기준": "Baseline",
    "후보": "Candidate",
    "답하지 못함": "No answer",
    "같은 말 되풀이": "Looping",
    "길이나 시간 때문에 끊김": "Cut by length or time",
    "점수를 달라는 말이 있음": "Speaks to the judge",
    "한글 비율": "Share of Hangul",
    "평균 글자 수": "Mean characters",
    "평균 토큰": "Mean tokens",
    "초당 토큰(중앙값)": "Tokens per second (median)",
}

_JUDGE = {
    "심사": "The judge",
    "심사 모델 {model} (프롬프트 {prompt}판)": "Judge {model} (prompt version {prompt})",
    "심사 모델 없이 정해진 검사만": "Only the fixed checks, without a judge",
    (
        "서로 다른 답변 {all}쌍 가운데 {judged}쌍을 두 순서로 심사했습니다. 순서를 바꿔도 같은 쪽을"
        " 고른 것은 {agreeing}쌍입니다."
    ): (
        "Of {all} pairs with different answers {judged} were judged in both orders. The order made"
        " no difference to the preference in {agreeing} of them."
    ),
    "심사하지 못해 점수에 넣지 않은 것:": "Not judged, and in no score:",
    "사람의 투표와 {all}쌍 가운데 {same}쌍이 같습니다.": (
        "The judge and the people's votes agree in {same} of {all} pairs."
    ),
    "코언의 카파는 {kappa}입니다.": "Cohen's kappa is {kappa}.",
    "카파는 정해지지 않습니다. 투표가 더 필요합니다.": "Kappa is undefined: more votes are needed.",
    "두 답변이 같음": "both answers are the same",
    "순서를 바꾸면 심사가 달라짐": "the judge changes with the order",
    "답변이 없음": "an answer is missing",
    "아직 심사하지 않음": "not judged yet",
    "심사 모델에 연결되지 않음": "the judge was not reached",
    "심사가 시간 안에 끝나지 않음": "the judge was too slow",
    "심사 모델의 서버 오류": "the judge's server failed",
    "심사를 거절함": "the judge refused",
    "심사 모델의 응답을 읽을 수 없음": "the judge's response cannot be read",
    "심사에 점수가 없음": "the judge gave no score",
    "1~10을 벗어난 점수": "a score outside 1 to 10",
    "서로 다른 점수가 여럿": "several different scores",
    "심사가 끊김": "the judge was cut off",
}

_NEXT = {
    "새 평가를 시작하려면": "To begin an evaluation",
    (
        "질문을 고릅니다. 데이터 세트의 test.jsonl이나, 저장한 검색으로 다시 물어본 답변 비교를"
        " 씁니다."
    ): (
        "Choose questions: a data set's test.jsonl, or a comparison that asks a saved search's"
        " questions again."
    ),
    (
        "답변을 만듭니다. 답변 비교는 서버의 빈 시간에 백그라운드에서 다시 물어보고, 진행과 남은"
        " 시간을 보여 줍니다. 두 엔진을 견주려면 같은 질문으로 비교를 둘 만듭니다."
    ): (
        "Have them answered. A comparison asks in the background, when the servers are free, and"
        " shows progress and an estimate. Two engines take two comparisons of the same questions."
    ),
    "답변 비교의 JSONL을 내려받아 서버에서 심사합니다. 끊겨도 같은 명령으로 이어 갑니다.": (
        "Download the comparisons as JSONL, and judge on the server. Cut off, the same command "
        "goes on."
    ),
    "더 작은 차이를 알아보는 데 필요한 질문 수 (지금 {count}개):": (
        "Questions needed to see smaller differences (now {count}):"
    ),
    "차이 {difference}: 약 {count}개": "a difference of {difference}: about {count}",
    "데이터 세트에서 질문 늘리기": "Get more questions from a data set",
    "이 파일의 문항은 공개된 LogicKor와 다릅니다. 모델 카드의 점수와 견줄 수 없습니다.": (
        "The questions of this file are not the published ones of LogicKor: its scores do not"
        " compare with the model card's."
    ),
    "심사 모델과 사람": "The judge and the people",
    "지금까지 사람이 투표한 {all}쌍 가운데 {same}쌍에서 심사 모델과 판단이 같습니다.": (
        "Of {all} pairs that people have voted on so far, the judge agrees in {same}."
    ),
    "카파를 말하기에는 너무 적습니다. {count}쌍 이상 투표해 주세요.": (
        "That is too few for kappa: vote on {count} pairs at least."
    ),
    "모두 같은 쪽만 골라 카파가 정해지지 않습니다.": (
        "Kappa is undefined: everybody prefers the same side everywhere."
    ),
    "코언의 카파는 {kappa}입니다 (95% 신뢰구간 {low}~{high}).": (
        "Cohen's kappa is {kappa} (95% interval {low} to {high})."
    ),
    (
        "0.4보다 낮으면 심사 모델의 판단이 검토자와 다르다는 뜻입니다. 갈린 답변을 읽어 보거나"
        " 투표로 정해 주세요."
    ): (
        "Below 0.4 the judge does not share the reviewers' taste: read the pairs where they differ,"
        " or decide by votes."
    ),
    "아직 사람의 투표가 없습니다. 투표하면 심사 모델과 얼마나 같은지 여기에 나타납니다.": (
        "Nobody has voted yet. After votes this page says how far the judge agrees with them."
    ),
    "답변 비교에서 투표하기": "Vote on the comparison",
    (
        "같은 질문을 다시 물어보고 검토자가 이름을 모른 채 투표하면, 심사 모델을 믿어도 되는지 알"
        " 수 있습니다."
    ): (
        "Ask the same questions again and let reviewers vote blindly: that shows whether the judge"
        " can be believed."
    ),
    "이 질문들을 사람이 비교하기": "Let people compare these questions",
    "모델 평가에서 쓴 질문을 다시 물어봅니다.": "Asks the questions of an evaluation again.",
    "다시 물어볼 평가를 찾을 수 없거나, 대화 기록에서 온 질문이 없습니다.": (
        "There is no such evaluation, or none of its questions came from the log."
    ),
    "심사 모델에게도 맡기기": "Ask a judge, too",
    (
        "JSONL로 내려받은 뒤 서버에서 이 명령을 쓰면 심사 모델의 판정과 사람의 투표를 견줍니다."
        " 끊겨도 같은 명령으로 이어 갑니다."
    ): (
        "Download JSONL and run this on the server: it puts a judge's verdicts beside the people's"
        " votes. Cut off, the same command goes on."
    ),
    (
        "같은 질문을 두 엔진으로 다시 물어본 비교 둘이 있으면, 뒤에 --against replay-N.jsonl을 붙여"
        " 새 답변끼리 견줍니다."
    ): (
        "With two comparisons that asked the same questions on two engines, --against"
        " replay-N.jsonl compares their new answers."
    ),
    "모델 평가의 질문으로 쓰기": "Use as an evaluation's questions",
    (
        "내보낸 ZIP의 test.jsonl을 질문으로 씁니다. 학습에 쓰지 않은 질문입니다. 기준과 후보에는"
        " 프리셋, URL, 모델+어댑터를 쓸 수 있습니다."
    ): (
        "The export's test.jsonl holds questions that no training has seen. A baseline or candidate"
        " is a preset, a URL, or a model+adapter."
    ),
}

_PAIRS = {
    "답변 나란히 보기": "Answers side by side",
    "답변 {count}개 나란히 보기": "See {count} answers side by side",
    "분류 고르기": "Choose a category",
    "{score}점": "{score} points",
    "다음 답변": "Next answers",
    "긴 글 전체 보기": "See the long texts whole",
    "보여 드릴 답변이 없습니다.": "There are no answers to show.",
}

EVALUATIONS: dict[str, str] = {
    **_LIST,
    **_VERDICT,
    **_TABLES,
    **_CHECKS,
    **_JUDGE,
    **_NEXT,
    **_PAIRS,
}
