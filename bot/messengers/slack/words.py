"""Sentences that only Slack has: the agent's tab, the App Home, and pictures."""

from __future__ import annotations

from dataclasses import dataclass

from bot.http.picture_scaling import PictureProblem
from bot.text.catalog import Texts


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackWords:
    """One language's words."""

    prompts_title: str
    prompts: tuple[tuple[str, str], ...]  #: suggested questions, at most four: title and message
    home_title: str
    home_ready: str
    home_off: str
    home_threads: dict[str, str]  #: by the thread rule
    home_privacy: str
    picture_problems: dict[PictureProblem, str]
    pictures_too_many: str


WORDS: dict[str, SlackWords] = {
    "ko": SlackWords(
        prompts_title="무엇을 도와드릴까요?",
        prompts=(
            ("글 다듬기", "다음 글을 자연스럽게 다듬어 주세요:\n"),
            ("짧게 요약하기", "다음 내용을 세 문장으로 요약해 주세요:\n"),
            ("영어로 옮기기", "다음 글을 영어로 옮겨 주세요:\n"),
            ("쉽게 설명하기", "다음 개념을 쉽게 설명해 주세요:\n"),
        ),
        home_title="무엇이든 물어보세요",
        home_ready="🟢 지금 바로 답변할 수 있어요.",
        home_off="🟠 지금은 답변이 늦어지고 있어요.",
        home_threads={
            "asked": "채널에서 저를 한 번 부르시면 그 스레드에서는 부르지 않아도 답변해 드려요.",
            "always": "제가 들어가 있는 채널에서는 모든 스레드에 답변해 드려요.",
            "never": "채널에서는 저를 부르실 때마다 답변해 드려요.",
        },
        home_privacy="‘내 정보 삭제’라고 보내시면 대화와 의견을 모두 지워 드려요.",
        picture_problems={
            PictureProblem.UNREACHABLE: "사진을 열지 못했어요. 잠시 뒤에 다시 올려 주세요.",
            PictureProblem.EXPIRED: "사진을 열 수 없어요. 사진을 다시 올려 주세요.",
            PictureProblem.FOREIGN: "이 사진은 열 수 없어요. Slack에 직접 올려 주세요.",
            PictureProblem.TOO_LARGE: "사진이 너무 커요. 크기를 줄여서 다시 올려 주세요.",
            PictureProblem.UNREADABLE: (
                "사진을 읽지 못했어요. JPG나 PNG 사진으로 다시 올려 주세요."
            ),
        },
        pictures_too_many="사진은 한 번에 {max}장까지 볼 수 있어요. 나누어 올려 주세요.",
    ),
    "en": SlackWords(
        prompts_title="What can I do for you?",
        prompts=(
            ("Improve a text", "Please improve this text:\n"),
            ("Summarise", "Please summarise this in three sentences:\n"),
            ("Translate into Korean", "Please translate this into Korean:\n"),
            ("Explain simply", "Please explain this simply:\n"),
        ),
        home_title="Ask me anything",
        home_ready="🟢 Ready to answer.",
        home_off="🟠 Answers are delayed right now.",
        home_threads={
            "asked": "Mention me once in a thread, and I go on answering there.",
            "always": "I answer in every thread of the channels I am in.",
            "never": "I answer in channels whenever you mention me.",
        },
        home_privacy="Send “erase my data” and I erase our conversations and your feedback.",
        picture_problems={
            PictureProblem.UNREACHABLE: (
                "I could not open the picture. Please upload it again in a moment."
            ),
            PictureProblem.EXPIRED: "I cannot open the picture. Please upload it once more.",
            PictureProblem.FOREIGN: (
                "I cannot open this picture. Please upload it to Slack itself."
            ),
            PictureProblem.TOO_LARGE: "The picture is too large. Please upload a smaller one.",
            PictureProblem.UNREADABLE: (
                "I could not read the picture. Please upload it as a JPG or PNG."
            ),
        },
        pictures_too_many="I can look at {max} pictures at once. Please upload fewer.",
    ),
}


def words_for(texts: Texts) -> SlackWords:
    """The words in the language of these texts."""
    return WORDS.get(texts.language, WORDS["ko"])
