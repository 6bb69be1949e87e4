"""Protection of personal data: unmasking, retention, people's rights."""

from __future__ import annotations

PROTECTION = {
    "개인정보": "Personal data",
    "보관 기간": "Retention",
    "보관 기간 변경": "Retention changed",
    (
        "기간이 지난 대화는 매일 새벽 3시(한국 시간)부터 조금씩 지웁니다. 첨부와 전달 기록, 투표,"
        " 검색 색인도 함께 지워지고 되돌릴 수 없습니다. 답변 중이거나 아직 전달하지 않은 대화는"
        " 남습니다."
    ): (
        "From three o'clock each night (Korean time) turns that are older are deleted bit by bit,"
        " with attachments, deliveries, votes and search entries. This cannot be undone. Turns"
        " that are open or not delivered yet stay."
    ),
    "모든 메신저": "All messengers",
    "모든 워크스페이스": "all workspaces",
    "{count}일": "{count} days",
    "계속 보관": "for ever",
    "대화마다 가장 좁은 범위의 기간을 따릅니다. 맞는 기간이 없으면 계속 보관합니다.": (
        "The narrowest rule that fits counts. Without one a turn is kept for ever."
    ),
    (
        "정한 기간이 없어 모든 대화를 계속 보관하고 있습니다. 아래에서 기간을 정해 주세요."
    ): "There is no rule, so all turns are kept for ever. Make one below.",
    "기간 정하기": "Make a rule",
    "워크스페이스 (비워 두면 모두)": "Workspace (empty: all)",
    "보관": "Keep",
    "아래 기간만": "for the days below",
    "기간(일)": "Days",
    "저장": "Save",
    "지우기": "Delete",
    "지운 기록": "Deletions",
    "지운 질문": "Turns",
    "지운 대화": "Conversations",
    "끝남": "ended",
    "{moment}의 대화까지 확인": "reached turns of {moment}",
    "시작하는 중": "beginning",
    "아직 지운 적이 없습니다.": "Nothing was deleted yet.",
    (
        "접속기록은 {count}일 동안 남깁니다. 설정 BOT_AUDIT_RETENTION_DAYS로 늘릴 수 있고, 2년보다"
        " 짧게는 정할 수 없습니다."
    ): (
        "The audit log is kept for {count} days. BOT_AUDIT_RETENTION_DAYS makes that longer, never"
        " shorter than two years."
    ),
    "메신저를 목록에서 골라 주세요.": "Choose a messenger of the list.",
    "워크스페이스를 정하려면 메신저도 골라 주세요.": "Choose the messenger of the workspace, too.",
    "워크스페이스 이름이 너무 깁니다.": "The workspace's name is too long.",
    "보관 기간은 1일부터 36500일까지 숫자로 적어 주세요.": (
        "Give the days as a number from 1 to 36500."
    ),
    "해당 보관 기간을 찾을 수 없습니다.": "There is no such rule.",
    "보관 기간은 {count}개까지 정할 수 있습니다. 쓰지 않는 것을 지워 주세요.": (
        "There can be {count} rules. Delete one that is not used."
    ),
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
