"""The Korean words for the settings: their names, their meaning, their groups and choices.

Each is a key of the catalog (bot/admin/web/language.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.configs.problems import Problem
from bot.configs.scopes import ScopeProblem
from bot.domain.bot_config import ThreadRule
from inference_queue.protocol import NO_ADAPTER


@dataclass(frozen=True, slots=True)
class KeyWords:
    """A setting in words."""

    label: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Group:
    """Settings of one kind, in the order of the form."""

    label: str
    keys: tuple[str, ...]


GROUPS = (
    Group("프롬프트", ("system_prompt",)),
    Group("프리셋과 어댑터", ("preset", "adapter")),
    Group(
        "한도",
        ("max_new_tokens", "history_turns", "rate_limit_per_minute", "max_waiting_turns"),
    ),
    Group(
        "문구",
        (
            "ai_notice",
            "texts.ai_notice",
            "texts.welcome",
            "texts.about",
            "texts.help",
            "texts.help_command",
            "texts.help_chat",
            "texts.reset_done",
            "texts.media_unsupported",
            "texts.failed",
            "texts.busy",
        ),
    ),
    Group("스레드 규칙", ("thread_rule",)),
)

KEYS_IN_WORDS: dict[str, KeyWords] = {
    "system_prompt": KeyWords(
        "시스템 프롬프트",
        "모델이 대화보다 먼저 읽는 지시문입니다. {date}와 {weekday}는 그날의 날짜와 요일이 됩니다."
        " 비밀번호나 API 키는 적지 마세요. 사람들이 모델에게서 알아낼 수 있습니다.",
    ),
    "preset": KeyWords(
        "프리셋",
        "모델에 맞는 기본 프롬프트와 답변 생성 방식을 고릅니다. 모델 자체는 바뀌지 않습니다.",
    ),
    "adapter": KeyWords(
        "어댑터",
        "워커가 모델 옆에 둔 LoRA 가중치의 이름입니다. 이 이름을 가진 워커만 답합니다."
        " none은 어댑터 없이 모델 그대로 답하라는 뜻입니다.",
    ),
    "max_new_tokens": KeyWords(
        "답변의 최대 길이",
        "답변 하나의 최대 토큰 수입니다. 한글 한 글자는 보통 토큰 한 개 안팎입니다."
        " 프리셋의 최대 길이는 넘을 수 없습니다.",
    ),
    "history_turns": KeyWords(
        "기억하는 이전 대화",
        "모델이 함께 읽는 이전 질문과 답변의 수입니다. 서버 설정보다 줄일 수만 있습니다.",
    ),
    "rate_limit_per_minute": KeyWords(
        "1분에 받는 메시지",
        "한 사람이 1분 동안 보낼 수 있는 메시지 수입니다. 0이면 제한이 없습니다.",
    ),
    "max_waiting_turns": KeyWords(
        "답변을 기다리는 메시지",
        "한 대화에서 답변을 기다릴 수 있는 메시지 수입니다. 0이면 제한이 없습니다.",
    ),
    "ai_notice": KeyWords(
        "AI 안내",
        "첫 답변에 생성형 AI가 답한다는 안내를 붙입니다. 한국에서는 법에 따라 알려야 합니다.",
    ),
    "thread_rule": KeyWords("스레드에서 답하기", "Slack 스레드에서 멘션 없이도 답할지 정합니다."),
    "texts.ai_notice": KeyWords(
        "AI 안내 문구", "첫 답변에 붙는 안내입니다. 생성형 AI가 답한다는 말이 있어야 합니다."
    ),
    "texts.welcome": KeyWords("환영 인사", "처음 들어온 사람에게 하는 인사입니다."),
    "texts.about": KeyWords("소개", "챗봇이 무엇을 하는지 소개하는 말입니다."),
    "texts.help": KeyWords("도움말", "버튼이 있는 곳에서 보여 주는 도움말입니다."),
    "texts.help_command": KeyWords("명령 도움말", "슬래시 명령 뒤에 보여 주는 도움말입니다."),
    "texts.help_chat": KeyWords("채팅 도움말", "채팅방에서 보여 주는 도움말입니다."),
    "texts.reset_done": KeyWords("새 대화 안내", "대화를 처음부터 다시 시작했을 때 하는 말입니다."),
    "texts.media_unsupported": KeyWords(
        "사진 안내", "읽을 수 없는 사진이나 파일을 받았을 때 하는 말입니다."
    ),
    "texts.failed": KeyWords("실패 안내", "답변을 만들지 못했을 때 하는 말입니다."),
    "texts.busy": KeyWords("혼잡 안내", "질문이 밀려 받을 수 없을 때 하는 말입니다."),
}

#: What the words of a setting's choice mean; a word without an entry speaks for itself.
CHOICES: dict[str, dict[str, str]] = {
    "preset": {"auto": "워커의 모델에 맞춤"},
    "adapter": {NO_ADAPTER: "어댑터 없음 (none)"},
    "thread_rule": {
        ThreadRule.ASKED: "멘션으로 부른 스레드에서만",
        ThreadRule.ALWAYS: "모든 스레드에서",
        ThreadRule.NEVER: "멘션할 때만",
    },
}
FLAGS = {True: "켬", False: "끔"}

#: How a setting that is typed is measured.
NUMBER_BOUNDS = "{low}부터 {high}까지의 정수"
TEXT_BOUNDS = "{max_chars}자까지"

PROBLEMS: dict[str, str] = {
    Problem.UNKNOWN_KEY: "이 버전의 프로그램이 모르는 설정입니다.",
    Problem.NUMBER: "{low}부터 {high}까지의 정수를 숫자로 입력해 주세요.",
    Problem.FLAG: "켬과 끔 가운데 하나를 골라 주세요.",
    Problem.CHOICE: "목록에 있는 값을 골라 주세요.",
    Problem.ADAPTER: (
        "어댑터 이름은 영문자, 숫자, 점, 밑줄, 붙임표로 {max_chars}자까지 쓸 수 있습니다."
        " 어댑터를 쓰지 않으려면 {none}이라고 입력해 주세요."
    ),
    Problem.TEXT: "글로 입력해 주세요.",
    Problem.EMPTY: "보이는 글자가 없습니다. 넓은 범위의 값을 쓰려면 완전히 비워 주세요.",
    Problem.LONG: "{chars}자입니다. {max_chars}자까지 쓸 수 있습니다.",
    Problem.BRACE: "중괄호의 짝이 맞지 않습니다.",
    Problem.PLACEHOLDERS: "원래 문구처럼 이 자리표시자만 써야 합니다: {words}",
}
#: Of a sentence whose original holds none.
NO_PLACEHOLDERS = "이 문구에는 중괄호를 쓸 수 없습니다."

SCOPE_PROBLEMS: dict[str, str] = {
    ScopeProblem.UNKNOWN_MESSENGER: "목록에 있는 메신저를 골라 주세요.",
    ScopeProblem.TENANT_ALONE: "봇이나 워크스페이스를 정하려면 메신저도 골라 주세요.",
    ScopeProblem.ROOM_ALONE: "채널을 정하려면 그 채널의 봇이나 워크스페이스도 입력해 주세요.",
    ScopeProblem.LONG: "이름이 너무 깁니다. 200자까지 쓸 수 있습니다.",
}
