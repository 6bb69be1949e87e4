"""Protection of personal data: unmasking, retention, people's rights."""

from __future__ import annotations

PROTECTION = {
    "개인정보 보기": "Show personal data",
    "개인정보 표시": "unmasked",
    "시간(분)": "minutes",
    "다시 가리기": "Mask again",
    "개인정보를 보려면 사유를 적어 주세요. 사유는 접속기록에 남습니다.": (
        "Give a reason to see personal data. It stands in the audit log."
    ),
    (
        "개인정보를 가리지 않고 보고 있습니다. {moment}까지 이 로그인에서만 보입니다."
    ): "Personal data is shown until {moment}, in this session only.",
    ("10분 동안 이 대화의 개인정보를 가리지 않고 보여 줍니다. 검색에서는 계속 가려집니다."): (
        "Shows the personal data of this conversation for 10 minutes. Searches go on masking it."
    ),
}
