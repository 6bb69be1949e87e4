"""The pages on which settings are drafted, compared, published and tried."""

from __future__ import annotations

_WORDS = {
    "프롬프트": "Prompt",
    "한도": "Budgets",
    "프리셋과 어댑터": "Preset and adapter",
    "어댑터 없음 (none)": "no adapter (none)",
    (
        "워커가 모델 옆에 둔 LoRA 가중치의 이름입니다. 이 이름을 가진 워커만 답합니다."
        " none은 어댑터 없이 모델 그대로 답하라는 뜻입니다."
    ): (
        "The name of LoRA weights that a worker has beside its model. Only workers that have them"
        " answer. none stands for the model without an adapter."
    ),
    (
        "어댑터 이름은 영문자, 숫자, 점, 밑줄, 붙임표로 {max_chars}자까지 쓸 수 있습니다."
        " 어댑터를 쓰지 않으려면 {none}이라고 입력해 주세요."
    ): (
        "The name of an adapter has at most {max_chars} letters, digits, dots, underscores and"
        " hyphens. Enter {none} for no adapter."
    ),
    (
        "{name} 어댑터를 가진 워커가 지금 없습니다. 그런 워커가 켜질 때까지 질문이 기다리고, 기한이"
        " 지나면 답하지 못합니다. 어댑터 없는 모델이 대신 답하지는 않습니다."
    ): (
        "No worker has the adapter {name} now. Questions wait for one, and fail once they expire."
        " The model without the adapter does not answer in its place."
    ),
    "문구": "Texts",
    "스레드 규칙": "Thread rules",
    (
        "모델이 대화보다 먼저 읽는 지시문입니다. {date}와 {weekday}는 그날의 날짜와 요일이 됩니다."
        " 비밀번호나 API 키는 적지 마세요. 사람들이 모델에게서 알아낼 수 있습니다."
    ): (
        "The instructions that the model reads before the conversation. {date} and {weekday} become"
        " today's. Write no passwords or API keys: people can get them out of the model."
    ),
    "모델에 맞는 기본 프롬프트와 답변 생성 방식을 고릅니다. 모델 자체는 바뀌지 않습니다.": (
        "Chooses the default prompt and sampling for a model. The model itself stays the same."
    ),
    "답변의 최대 길이": "Maximum length of an answer",
    (
        "답변 하나의 최대 토큰 수입니다. 한글 한 글자는 보통 토큰 한 개 안팎입니다."
        " 프리셋의 최대 길이는 넘을 수 없습니다."
    ): (
        "The most tokens of one answer. A Korean syllable takes about one token. The preset's"
        " maximum stays a bound."
    ),
    "기억하는 이전 대화": "Earlier turns in memory",
    "모델이 함께 읽는 이전 질문과 답변의 수입니다. 서버 설정보다 줄일 수만 있습니다.": (
        "How many earlier questions and answers the model reads too. It can only lower the"
        " server's setting."
    ),
    "1분에 받는 메시지": "Messages a minute",
    "한 사람이 1분 동안 보낼 수 있는 메시지 수입니다. 0이면 제한이 없습니다.": (
        "How many messages one person may send in a minute. 0 means no limit."
    ),
    "답변을 기다리는 메시지": "Waiting messages",
    "한 대화에서 답변을 기다릴 수 있는 메시지 수입니다. 0이면 제한이 없습니다.": (
        "How many messages of one conversation may wait for an answer. 0 means no limit."
    ),
    "AI 안내": "AI notice",
    "첫 답변에 생성형 AI가 답한다는 안내를 붙입니다. 한국에서는 법에 따라 알려야 합니다.": (
        "Adds to the first answer that a generative AI answers. In Korea the law asks for it."
    ),
    "스레드에서 답하기": "Answers in threads",
    "Slack 스레드에서 멘션 없이도 답할지 정합니다.": (
        "Whether the bot answers in Slack's threads without a mention."
    ),
    "AI 안내 문구": "Text of the AI notice",
    "첫 답변에 붙는 안내입니다. 생성형 AI가 답한다는 말이 있어야 합니다.": (
        "Stands with the first answer. It must say that a generative AI answers."
    ),
    "환영 인사": "Welcome",
    "처음 들어온 사람에게 하는 인사입니다.": "Greets somebody who comes in.",
    "소개": "About",
    "챗봇이 무엇을 하는지 소개하는 말입니다.": "Says what the bot does.",
    "도움말": "Help",
    "버튼이 있는 곳에서 보여 주는 도움말입니다.": "The help where there are buttons.",
    "명령 도움말": "Help of the command",
    "슬래시 명령 뒤에 보여 주는 도움말입니다.": "The help after a slash command.",
    "채팅 도움말": "Help in a chat",
    "채팅방에서 보여 주는 도움말입니다.": "The help in a chat room.",
    "새 대화 안내": "After a reset",
    "대화를 처음부터 다시 시작했을 때 하는 말입니다.": (
        "What the bot says when a conversation begins anew."
    ),
    "사진 안내": "For pictures",
    "읽을 수 없는 사진이나 파일을 받았을 때 하는 말입니다.": (
        "What the bot says to a picture or file that it cannot read."
    ),
    "실패 안내": "After a failure",
    "답변을 만들지 못했을 때 하는 말입니다.": "What the bot says when an answer failed.",
    "혼잡 안내": "When busy",
    "질문이 밀려 받을 수 없을 때 하는 말입니다.": "What the bot says when its queue is full.",
    "워커의 모델에 맞춤": "That of the workers' model",
    "멘션으로 부른 스레드에서만": "Only in threads into which a mention called it",
    "모든 스레드에서": "In all threads",
    "멘션할 때만": "Only when mentioned",
    "켬": "On",
    "끔": "Off",
    "{low}부터 {high}까지의 정수": "a whole number from {low} to {high}",
    "{max_chars}자까지": "at most {max_chars} characters",
}
_PROBLEMS = {
    "이 버전의 프로그램이 모르는 설정입니다.": "This version of the program has no such setting.",
    "{low}부터 {high}까지의 정수를 숫자로 입력해 주세요.": (
        "Type a whole number from {low} to {high}."
    ),
    "켬과 끔 가운데 하나를 골라 주세요.": "Choose on or off.",
    "목록에 있는 값을 골라 주세요.": "Choose a value of the list.",
    "글로 입력해 주세요.": "Type a text.",
    "보이는 글자가 없습니다. 넓은 범위의 값을 쓰려면 완전히 비워 주세요.": (
        "There is nothing to see. Leave it empty to use the wider scope's value."
    ),
    "{chars}자입니다. {max_chars}자까지 쓸 수 있습니다.": (
        "These are {chars} characters. At most {max_chars} fit."
    ),
    "중괄호의 짝이 맞지 않습니다.": "A brace has no partner.",
    "원래 문구처럼 이 자리표시자만 써야 합니다: {words}": (
        "Like the original, it must hold these placeholders and no others: {words}"
    ),
    "이 문구에는 중괄호를 쓸 수 없습니다.": "This text may hold no braces.",
    "목록에 있는 메신저를 골라 주세요.": "Choose a messenger of the list.",
    "봇이나 워크스페이스를 정하려면 메신저도 골라 주세요.": (
        "To name a bot or workspace, choose its messenger too."
    ),
    "채널을 정하려면 그 채널의 봇이나 워크스페이스도 입력해 주세요.": (
        "To name a channel, type its bot or workspace too."
    ),
    "이름이 너무 깁니다. 200자까지 쓸 수 있습니다.": (
        "The name is too long. At most 200 characters fit."
    ),
    "버전 번호를 읽을 수 없습니다.": "The version number cannot be read.",
    "저장하지 못했습니다. 표시한 칸 {count}개를 고쳐 주세요.": (
        "Nothing is saved. Correct the marked fields: {count}."
    ),
    (
        "다른 창에서 이 초안이 먼저 바뀌었습니다. 여기 입력한 내용은 아직 저장되지 않았습니다."
        " 아래 차이를 확인하고 다시 저장하면 이 내용으로 바뀝니다."
    ): (
        "This draft was changed in another window first. What you typed here is not saved yet."
        " Check the differences below; saving again puts it in place."
    ),
    "초안은 {count}개까지 둘 수 있습니다. 쓰지 않는 초안을 먼저 버려 주세요.": (
        "You may keep {count} drafts. Discard one that you do not need first."
    ),
    "초안이 그사이 바뀌었거나 없어졌습니다. 지금 상태를 확인해 주세요.": (
        "The draft has changed or is gone. Look at it as it is now."
    ),
    "왜 바꾸는지 사유를 입력해 주세요. 나중에 기록에서 이유를 찾을 수 있습니다.": (
        "Type why you change it. The history will tell the reason later."
    ),
    "그사이 다른 사람이 새 버전({version})을 게시했습니다. 아래 차이를 다시 확인해 주세요.": (
        "Somebody else has published version {version} meanwhile. Check the differences again."
    ),
    "설정한 범위가 {count}개에 이르러 더 만들 수 없습니다.": (
        "There are {count} scopes with settings, and no more may be added."
    ),
    "초안은 검토자와 관리자만 볼 수 있습니다.": "Drafts are for reviewers and admins.",
    "이 범위에는 그 사용자의 초안이 없습니다.": "That user has no draft for this scope.",
    "이 범위에는 그런 버전({version})이 없습니다.": "This scope has no version {version}.",
}
_PAGES = {
    "봇 설정": "Bot settings",
    "전체": "All",
    "좁은 범위의 설정이 넓은 범위의 설정보다 앞섭니다. 아무 데도 없는 값은 서버 설정에서 옵니다.": (
        "A closer scope comes before a wider one. What no scope sets comes from the server's"
        " settings."
    ),
    "내 초안": "My drafts",
    "저장한 때": "Saved at",
    "설정이 있는 범위": "Scopes with settings",
    "모두 넓은 범위를 따름": "all as in the wider scopes",
    "버전 {version}": "Version {version}",
    "이 버전의 대화": "Conversations with this version",
    "아직 아무 범위에도 설정이 없습니다. 아래에서 범위를 골라 초안을 만들어 보세요.": (
        "No scope has settings yet. Choose one below and begin a draft."
    ),
    "다음 범위": "More scopes",
    "범위 열기": "Open a scope",
    "봇 또는 워크스페이스": "Bot or workspace",
    "열기": "Open",
    "{messenger} 전체": "All of {messenger}",
    "이 범위의 페이지": "Pages of this scope",
    "설정값": "Settings",
    "기록": "History",
    "시험 대화": "Sandbox chat",
    "같은 줄 {count}개": "{count} lines the same",
    "줄 {count}개를 더 생략했습니다": "{count} more lines are left out",
    "물려받기": "Inherit",
    "프로그램의 기본값": "the program's default",
    "지금 설정": "Live",
    "이 범위에는 아직 설정이 없어 모두 물려받습니다.": "This scope sets nothing and inherits all.",
    "이 버전의 프로그램이 쓸 수 없는 값이 있어 그대로 두었습니다: {keys}": (
        "This version of the program cannot use some values and leaves them as they are: {keys}"
    ),
    "이 초안을 시작한 뒤에 새 버전({version})이 게시되었습니다.": (
        "Version {version} was published after this draft was begun."
    ),
    "그사이 바뀐 것 보기": "See what has changed",
    "내 초안을 지금 버전 위로 옮기기": "Move my draft onto the live version",
    "{owner} 님도 이 범위의 초안을 쓰고 있습니다": "{owner} has a draft for this scope too",
    "초안 보기": "See the draft",
    "바뀜": "changed",
    "비워 두면": "If empty",
    "메신저와 프리셋의 값": "the messenger's or preset's",
    "초안 저장": "Save the draft",
    "저장하고 비교": "Save and compare",
    "저장하고 시험": "Save and try",
    "초안 버리기": "Discard the draft",
    "초안을 저장했습니다. 게시하기 전에는 어떤 봇에도 적용되지 않습니다.": (
        "The draft is saved. No bot uses it before it is published."
    ),
    "바뀐 것이 없어 초안을 만들지 않았습니다.": "Nothing has changed, so there is no draft.",
    "초안을 버렸습니다.": "The draft is discarded.",
    (
        "게시했습니다. {seconds}초 안에 모든 봇에 적용됩니다. 아래에서 봇마다 적용되었는지 볼 수"
        " 있습니다."
    ): "Published. All bots use it within {seconds} seconds. Below you see which do.",
    (
        "되돌렸습니다. {seconds}초 안에 모든 봇에 적용됩니다. 아래에서 봇마다 적용되었는지 볼 수"
        " 있습니다."
    ): "Rolled back. All bots use it within {seconds} seconds. Below you see which do.",
    "여기에 적용되는 봇 설정": "Bot settings that apply here",
    "이 채널의 대화": "Conversations of this channel",
    "이 범위의 대화": "Conversations of this scope",
    "봇마다 적용된 버전": "Which bot uses which version",
    (
        "지금 적용한 버전을 알려 오는 봇이 없습니다. 봇이 실행 중인지, 데이터베이스에 연결되는지"
        " 확인해 주세요."
    ): "No bot reports its version now. Check whether bots run and reach the database.",
    "봇 {all}대 가운데 {count}대가 전체에서 가장 최근인 버전 {version}까지 적용했습니다.": (
        "{count} of {all} bots use version {version}, the newest of all scopes."
    ),
    "마지막으로 적용한 때": "The last one since",
    "아직 버전 {version}": "still version {version}",
    "아직 설정 없음": "still without settings",
    "마지막 보고": "last report",
    "지금 설정과 같아서 새 버전을 만들지 않았습니다.": (
        "It is the same as what is live, so there is no new version."
    ),
    "초안을 지금 버전 위로 옮겼습니다. 게시하기 전에 차이를 확인해 주세요.": (
        "The draft is moved onto the live version. Check the differences before you publish."
    ),
    "다른 사람도 바꾼 설정은 초안의 값으로 두었습니다: {keys}": (
        "Where somebody else changed the same setting, the draft's value stays: {keys}"
    ),
    "두 설정이 같습니다.": "Both are the same.",
    "초안을 쓴 사용자가 지금 버전 위로 옮긴 뒤에 게시할 수 있습니다.": (
        "It can be published once its owner has moved it onto the live version."
    ),
    "게시와 되돌리기는 관리자가 합니다.": "Admins publish and roll back.",
    "게시하기": "Publish",
    "이 버전으로 되돌리기": "Roll back to this version",
    "되돌리기": "Roll back",
    "사유 (기록에 남습니다)": "Reason (it stays in the history)",
    "{seconds}초 안에 모든 봇에 적용됩니다. 언제든 이전 버전으로 되돌릴 수 있습니다.": (
        "All bots use it within {seconds} seconds. You can roll back at any time."
    ),
    "지금 설정 (없음)": "Live (nothing is set)",
    "지금 설정 (버전 {version})": "Live (version {version})",
    "{owner} 님의 초안 ({moment})": "{owner}'s draft ({moment})",
    "설정 없음": "Nothing set",
    "물려받는 값": "Inherited values",
    "버전 {version}(으)로 되돌림": "back to version {version}",
    "사유 없음": "no reason given",
    "바뀐 것": "What changed",
    "물려받는 값과 비교": "Compare with what is inherited",
    "지금 설정과 비교, 되돌리기": "Compare with what is live, roll back",
    "아직 아무것도 게시하지 않았습니다. 설정에서 초안을 만들어 게시해 보세요.": (
        "Nothing was published yet. Begin a draft among the settings."
    ),
    "더 오래된 버전이 없습니다.": "There are no older versions.",
    "두 버전 비교": "Compare two versions",
    "이전 버전": "Old version",
    "이후 버전": "New version",
}
_AUDIT = {
    "봇 설정 게시": "Bot settings published",
    "봇 설정 되돌리기": "Bot settings rolled back",
    "봇 설정 초안 저장": "Draft of bot settings saved",
    "봇 설정 초안을 새 버전으로 옮김": "Draft of bot settings moved onto a newer version",
    "봇 설정 초안 버림": "Draft of bot settings discarded",
    "봇 설정 시험": "Bot settings tried",
    "봇 설정 시험 지움": "Trial of bot settings cleared",
    "되돌린 버전": "Restored version",
    "바뀐 설정": "Changed settings",
    "초안을 쓴 사용자": "Owner of the draft",
    "시험한 설정": "Settings tried",
}

BOT_SETTINGS = {**_WORDS, **_PROBLEMS, **_PAGES, **_AUDIT}
