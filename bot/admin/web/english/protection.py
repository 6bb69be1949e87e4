"""Protection of personal data: unmasking, retention, people's rights."""

from __future__ import annotations

PROTECTION = {
    "보관 기간": "Retention",
    "보관 기간 변경": "Retention changed",
    (
        "기간이 지난 대화는 매일 새벽 3시(한국 시간)부터 조금씩 지웁니다. 첨부와 전달 기록, 평가,"
        " 검색 색인도 함께 지워지고 되돌릴 수 없습니다. 답변 중이거나 아직 전달하지 않은 대화는"
        " 남습니다."
    ): (
        "From three o'clock each night (Korean time) turns that are older are deleted bit by bit,"
        " with attachments, deliveries, votes and search entries. This cannot be undone. Turns"
        " that are open or not delivered yet stay."
    ),
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
    "아래 기간만": "for the days below",
    "기간(일)": "Days",
    "지우기": "Delete",
    "지운 기록": "Deletions",
    "지운 질문": "Turns",
    "지운 대화": "Conversations",
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
    "차단·삭제·내려받기": "Block, erase, download",
    "차단": "Block",
    "차단 풀기": "Unblock",
    "차단한 사용자": "Blocked people",
    "차단되어 있지 않은 사용자입니다.": "This person is not blocked.",
    "{moment}부터 차단 중입니다.": "Blocked since {moment}.",
    (
        "차단하면 몇 초 안에 봇이 이 사용자의 질문에 안내 한 문장으로만 답합니다. 이미 받은"
        " 질문에는 답합니다."
    ): (
        "Within seconds the bot answers this person's questions with one sentence alone. Questions"
        " that came before are answered."
    ),
    (
        "차단한 사용자가 없습니다. 사용자 페이지의 ‘차단·삭제·내려받기’에서 차단할 수 있습니다."
    ): "Nobody is blocked. A person's page leads to “Block, erase, download”.",
    "{count}명까지 차단할 수 있습니다. 필요 없는 차단을 먼저 풀어 주세요.": (
        "{count} people can be blocked. Unblock somebody first."
    ),
    "내려받기": "Download",
    (
        "이 사용자에 대해 보관하는 모든 내용을 JSON 파일 하나로 내려받습니다. 개인정보를 가리지"
        " 않습니다."
    ): "All that is kept of this person as one JSON file, with personal data unmasked.",
    "다른 내려받기가 끝난 뒤에 다시 시도해 주세요.": "Try again when another download has ended.",
    "삭제됨": "erased",
    "모두 삭제": "Erase everything",
    (
        "질문과 답변, 대화, 첨부, 평가, 검색 색인과 진행 중인 작업을 모두 지웁니다. 되돌릴 수"
        " 없습니다. 차단은 남습니다."
    ): (
        "Deletes questions, answers, conversations, attachments, votes, search entries and jobs."
        " This cannot be undone. A block stays."
    ),
    "되돌릴 수 없다는 것을 확인했습니다.": "I know that this cannot be undone.",
    "되돌릴 수 없다는 것을 확인해 주세요.": "Confirm that this cannot be undone.",
    "{moment}에 삭제를 마쳤습니다.": "Erased at {moment}.",
    "{moment}에 시작해 지금까지 질문 {count}개를 지웠습니다.": (
        "Begun at {moment}: {count} turns are deleted so far."
    ),
    "사유를 적어 주세요. 사유는 접속기록에 남습니다.": "Give a reason. It stands in the audit log.",
    "삭제한 사용자": "Erased people",
    "사용자가 직접 삭제했거나 관리자가 삭제한 기록입니다. 누구였는지는 남기지 않습니다.": (
        "What people or admins have erased. Who they were is not kept."
    ),
    "사용자 본인": "the person",
    (
        "아직 삭제한 사용자가 없습니다. 사용자 페이지의 ‘차단·삭제·내려받기’에서 삭제할 수"
        " 있습니다."
    ): "Nobody was erased yet. A person's page leads to “Block, erase, download”.",
    "삭제 확인서": "Receipt of an erasure",
    "지운 것": "Deleted",
    "개수": "Number",
    "확인서 번호": "Receipt",
    "사용자의 해시": "the person's digest",
    (
        "첨부와 전달 기록, 검색 색인은 질문과 함께 지워집니다. 해시로는 누구였는지 알 수 없고,"
        " 같은 사람인지 확인할 수만 있습니다."
    ): (
        "Attachments, deliveries and search entries go with their turns. The digest tells nobody's"
        " name: it only shows whether a person is the same."
    ),
    "질문과 답변": "Questions and answers",
    "진행 중이던 작업": "Jobs",
    "다른 사람 질문 속의 인용": "Quotes in others' questions",
    "앱 설치 기록": "Installations of the app",
    "저장된 검색": "Saved searches",
    "학습 데이터 항목": "Items of data sets",
    "사용자 차단": "Person blocked",
    "사용자 차단 풀기": "Person unblocked",
    "사용자 삭제": "Person erased",
    "사용자 정보 내려받기": "Person's data downloaded",
    "차단 목록 열람": "Blocked people read",
    "삭제 번호": "order",
    "개인정보 보기": "Show personal data",
    "개인정보 표시": "unmasked",
    "시간(분)": "minutes",
    "다시 가리기": "Mask again",
    (
        "여러 사람의 글이 모인 곳에서는 개인정보를 항상 가립니다. 대화 페이지의 ‘개인정보 보기’에서"
        " 사유를 적으면 그 대화만 10분 동안 볼 수 있습니다."
    ): (
        "Where the words of several people meet, personal data is always masked. On the page of a"
        " conversation, “Show personal data” shows that conversation's for 10 minutes, with a"
        " reason."
    ),
    "대화 페이지에서 사유를 적으면 여기서도 개인정보를 볼 수 있습니다.": (
        "With a reason, given on the conversation's page, personal data is shown here too."
    ),
    "고친 답변은 학습 자료가 되므로 개인정보를 가린 답변에서 시작합니다.": (
        "Corrections become training data, so they begin with the masked answer."
    ),
    "학습 자료는 개인정보를 가린 글로 저장하므로 누구에게나 가려서 보입니다.": (
        "Training data is stored masked, so everybody sees it masked."
    ),
    (
        "비교에서는 개인정보를 항상 가립니다. 원래 대화를 열면 어느 쪽이 그때의 답변인지 드러나기"
        " 때문입니다."
    ): (
        "Comparisons always mask personal data: the original conversation would tell which answer"
        " was given then."
    ),
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
