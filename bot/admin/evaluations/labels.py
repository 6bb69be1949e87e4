"""The Korean words of evaluations."""

from __future__ import annotations

from bot.admin.web.badges import Badge
from measures.verdict import Verdict

VERDICTS = {
    Verdict.BETTER: Badge("후보가 더 낫습니다", "▲", "good"),
    Verdict.WORSE: Badge("후보가 더 나쁩니다", "▼", "bad"),
    Verdict.CANNOT_TELL: Badge("차이를 알 수 없습니다", "=", "quiet"),
}
NOT_MEASURED = Badge("잴 수 없었습니다", "–", "quiet")
ONE_MODEL = Badge("한 모델의 점수", "1", "quiet")

MEASURES = {
    "judge": "나란히 놓고 심사 (1~10점)",
    "score": "따로 심사 (1~10점)",
    "correct": "정답 비율",
    "sound": "온전한 답변 비율",
}
SIDES = {"baseline": "기준", "candidate": "후보", "run": "답변"}
ROWS = {"single": "싱글턴", "multi": "멀티턴", "overall": "전체"}
NOTES = {
    "same": "두 답변이 같음",
    "unsteady": "순서를 바꾸면 심사가 달라짐",
    "missing": "답변이 없음",
    "pending": "아직 심사하지 않음",
    "unreachable": "심사 모델에 연결되지 않음",
    "slow": "심사가 시간 안에 끝나지 않음",
    "server_error": "심사 모델의 서버 오류",
    "refused": "심사를 거절함",
    "malformed": "심사 모델의 응답을 읽을 수 없음",
    "no_number": "심사에 점수가 없음",
    "out_of_scale": "1~10을 벗어난 점수",
    "ambiguous": "서로 다른 점수가 여럿",
    "cut": "심사가 끊김",
}
