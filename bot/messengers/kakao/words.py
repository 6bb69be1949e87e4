"""The labels and sentences that only KakaoTalk has, in Korean and in English."""

from __future__ import annotations

from dataclasses import dataclass

from bot.text.catalog import Texts


@dataclass(frozen=True, slots=True, kw_only=True)
class KakaoWords:
    """One language's words; a label has at most 14 characters."""

    more_label: str  #: the button of an answer's next page
    page_gone: str  #: the page belongs to no answer of this person


WORDS: dict[str, KakaoWords] = {
    "ko": KakaoWords(
        more_label="더 보기",
        page_gone="이 답변은 더 이상 볼 수 없어요. 다시 질문해 주세요.",
    ),
    "en": KakaoWords(
        more_label="More",
        page_gone="This answer is no longer available. Please ask again.",
    ),
}


def words_for(texts: Texts) -> KakaoWords:
    """The words in the language of the bot's texts."""
    return WORDS[texts.language]
