"""The words of the reports, in Korean and English."""

from __future__ import annotations

from collections.abc import Mapping

LANGUAGES = ("ko", "en")

_WORDS: Mapping[str, tuple[str, str]] = {
    # Titles and tables
    "comparison": ("두 모델 비교", "Comparison of two models"),
    "run": ("답변 평가", "Evaluation of answers"),
    "logickor": ("LogicKor 평가", "LogicKor"),
    "name": ("이름", "Name"),
    "value": ("값", "Value"),
    "baseline": ("기준", "Baseline"),
    "candidate": ("후보", "Candidate"),
    "questions": ("질문", "Questions"),
    "questions_value": (
        "{name}, {count}개 (SHA-256 {sha256})",
        "{name}, {count} (SHA-256 {sha256})",
    ),
    "repeated": ("같은 질문이라 뺀 것", "Left out as repeated"),
    "judge": ("심사 모델", "Judge"),
    "judge_value": (
        "{model} ({url}), 프롬프트 {prompt}판",
        "{model} ({url}), prompt version {prompt}",
    ),
    "no_judge": ("없음: 정해진 검사만 했습니다", "none: only the fixed checks"),
    "seed": ("시드", "Seed"),
    "made": ("만든 때", "Made"),
    "version": ("버전", "Version"),
    "measure": ("기준", "Measure"),
    "category": ("분류", "Category"),
    "all": ("전체", "All"),
    "difference": ("차이 (후보 − 기준)", "Difference (candidate − baseline)"),
    "interval": ("95% 신뢰구간", "95 % interval"),
    "p_value": ("순열 검정 p", "Permutation test p"),
    "count": ("질문 수", "Questions"),
    "detectable": ("알아볼 수 있는 가장 작은 차이", "Smallest difference it could have shown"),
    "verdict": ("판정", "Verdict"),
    "card": ("모델 카드", "Model card"),
    "score": ("점수", "Score"),
    "judged": ("심사한 답변", "Judged"),
    # Measures
    "measure_judge": ("나란히 놓고 심사 (1~10점)", "Judged side by side (1 to 10)"),
    "measure_score": ("따로 심사 (1~10점)", "Judged alone (1 to 10)"),
    "measure_correct": ("정답 비율", "Share of right answers"),
    "measure_sound": ("온전한 답변 비율", "Share of sound answers"),
    # Verdicts
    "better": ("후보가 더 낫습니다", "The candidate is better"),
    "worse": ("후보가 더 나쁩니다", "The candidate is worse"),
    "cannot_tell": ("차이를 알 수 없습니다", "Cannot tell"),
    "none": ("잴 수 없었습니다", "Could not be measured"),
    "in_words_better": (
        "후보의 답변이 평균 {mean} 높고, 우연으로 보기 어렵습니다.",
        "The candidate's answers are {mean} better on average, which is hardly chance.",
    ),
    "in_words_worse": (
        "후보의 답변이 평균 {mean} 낮고, 우연으로 보기 어렵습니다.",
        "The candidate's answers are {mean} worse on average, which is hardly chance.",
    ),
    "in_words_cannot_tell": (
        "이 질문들로는 어느 쪽이 낫다고 할 수 없습니다. 같다는 뜻은 아닙니다.",
        "These questions do not show which one is better. That does not mean that they are equal.",
    ),
    "in_words_detectable": (
        "질문이 이만큼이면 {detectable} 이상의 차이를 다섯 번에 네 번꼴로 알아봅니다.",
        "So many questions show a difference of {detectable} or more four times in five.",
    ),
    "in_words_needed": (
        "더 작은 차이를 보려면 질문이 더 필요합니다: {listed}.",
        "Smaller differences need more questions: {listed}.",
    ),
    "needed_value": ("{difference}이면 약 {count}개", "about {count} for {difference}"),
    "in_words_unjudged": (
        "심사 모델이 심사한 쌍이 없어 다른 기준으로 정했습니다.",
        "The judge has judged no pair: another measure decided.",
    ),
    "in_words_none": (
        "심사 모델이나 정답이 있는 질문이 없어 어느 쪽이 나은지 잴 수 없었습니다.",
        "Without a judge, or questions with right answers, it could not be measured.",
    ),
    # Checks
    "checks": ("심사 없이 본 것", "Checks without a judge"),
    "model": ("모델", "Model"),
    "preset": ("프리셋", "Preset"),
    "adapter": ("어댑터", "Adapter"),
    "context_window": ("문맥 길이(토큰)", "Context window (tokens)"),
    "answers": ("답변", "Answers"),
    "failures": ("답하지 못함", "No answer"),
    "empty": ("빈 답변", "Empty"),
    "looping": ("같은 말 되풀이", "Looping"),
    "cut": ("길이나 시간 때문에 끊김", "Cut by length or time"),
    "asks_for_score": ("점수를 달라는 말이 있음", "Speaks to the judge"),
    "correct": ("정답", "Right answers"),
    "hangul": ("한글 비율", "Share of Hangul"),
    "characters": ("평균 글자 수", "Mean characters"),
    "tokens": ("평균 토큰", "Mean tokens"),
    "tokens_per_second": ("초당 토큰(중앙값)", "Tokens per second (median)"),
    "mean_score": ("평균 점수", "Mean score"),
    # The judge
    "about_judge": ("심사", "The judge"),
    "judged_pairs": (
        (
            "서로 다른 답변 {to_judge}쌍 가운데 {judged}쌍을 두 순서로 심사했습니다. 순서를 바꿔도 "
            "같은 쪽을 고른 것은 {agreeing}쌍입니다."
        ),
        (
            "Of {to_judge} pairs with different answers {judged} "
            "were judged in both orders. The order "
            "made no difference to the preference in {agreeing} of them."
        ),
    ),
    "not_judged": ("심사하지 못한 것", "Not judged"),
    "not_judged_value": (
        "{count}개는 심사하지 못해 점수에 넣지 않았습니다 ({reasons}).",
        "{count} were not judged and count in no score ({reasons}).",
    ),
    "agreement_value": (
        (
            "사람의 투표와 {pairs}쌍 가운데 {same}쌍이 같습니다. 카파 {kappa} (95% 신뢰구간 "
            "{interval})."
        ),
        (
            "The judge and the people's votes agree in {same} of "
            "{pairs} pairs. Kappa {kappa} (95 % "
            "interval {interval})."
        ),
    ),
    "undefined": ("정해지지 않음", "undefined"),
    "method": ("재는 법", "Method"),
    "method_value": (
        (
            "질문마다 후보에서 기준을 뺀 차이의 평균입니다. 신뢰 "
            "구간은 대화 단위 부트스트랩 4,000번의 "
            "백분위수를 적은 표본에 맞게 넓힌 것이고(시드 고정), "
            "구간이 0을 벗어나고 순열 검정의 p가 "
            "0.05 이하일 때만 낫다, 나쁘다고 합니다. 첫 메시지가 같은 질문은 한 대화로 봅니다."
        ),
        (
            "The mean of the differences, candidate minus "
            "baseline, question by question. The interval "
            "is the percentile bootstrap over conversations (4,000 resamples, seeded), widened for "
            "small sets. Better and worse need both: the interval leaves out 0, and p of the "
            "permutation test is at most 0.05. Questions with the same first message count as one "
            "conversation."
        ),
    ),
    "sha256": ("파일의 SHA-256", "SHA-256 of the file"),
    "form": ("LogicKor의 형식", "Form of LogicKor"),
    "form_value": (
        "확인함: 42문항, 6분류에 7문항씩, 두 턴씩",
        "checked: 42 questions, 7 in each of 6 categories, two turns each",
    ),
    "unpublished_note": (
        (
            "**이 파일의 문항은 공개된 LogicKor와 다릅니다 (--sha256으로 허용함). 모델 카드의 "
            "점수와 견줄 수 없습니다.**"
        ),
        (
            "**The questions of this file are not the published ones of LogicKor (allowed by "
            "--sha256). The scores do not compare with the model card's.**"
        ),
    ),
    "logickor_note": (
        (
            "LogicKor는 모델 카드의 표를 재현하는 데만 씁니다. 42문항으로는 두 모델 점수 차이의 "
            "표준오차가 약 0.5점이라 더 작은 차이를 말해 주지 않고, 심사 모델이 다르면 점수도 "
            "달라집니다."
        ),
        (
            "LogicKor serves to reproduce the card's row alone. "
            "With 42 questions the standard error "
            "of a difference of two models is about 0.5: it tells nothing finer, and another judge "
            "gives other scores."
        ),
    ),
    "single": ("싱글턴", "Single turn"),
    "multi": ("멀티턴", "Multi turn"),
    "overall": ("전체", "Overall"),
    "demo_note": (
        "데모 모델의 답변입니다. 영어만 하는 아주 작은 모델이라 점수에 뜻이 없습니다.",
        (
            "These are answers of the demo model, a very small one that knows English only: the "
            "scores mean nothing."
        ),
    ),
    # Reasons
    "unreachable": ("연결되지 않음", "unreachable"),
    "slow": ("시간 안에 답하지 않음", "too slow"),
    "server_error": ("서버 오류", "server error"),
    "refused": ("심사를 거절함", "refused"),
    "malformed": ("읽을 수 없는 응답", "unreadable response"),
    "no_number": ("점수가 없음", "no score"),
    "out_of_scale": ("1~10을 벗어난 점수", "a score outside 1 to 10"),
    "ambiguous": ("서로 다른 점수가 여럿", "several different scores"),
    "pending": ("아직 심사하지 않음", "not asked yet"),
    "judge_cut": ("심사가 끊김", "the judge was cut off"),
}

#: Reasons whose name means something else among the checks.
_REASONS = {"cut": "judge_cut"}


class Words:
    """The words of one language."""

    def __init__(self, language: str) -> None:
        self._place = LANGUAGES.index(language)

    def __call__(self, name: str, /, **values: object) -> str:
        """The words under a name; a name without words stands for itself, as categories do."""
        if name not in _WORDS:
            return name
        text = _WORDS[name][self._place]
        return text.format(**values) if values else text

    def reason(self, name: str) -> str:
        """Why something was not judged."""
        return self(_REASONS.get(name, name))
