"""The labels and sentences that only KakaoTalk has, in Korean and in English."""

from __future__ import annotations

from dataclasses import dataclass

from bot.text.catalog import Texts


@dataclass(frozen=True, slots=True, kw_only=True)
class KakaoWords:
    """One language's words; a label has at most 14 characters."""

    more_label: str  #: the button of an answer's next page
    page_gone: str  #: the page belongs to no answer of this person
    picture_declined: str  #: the model reads text only
    picture_unreachable: str
    picture_expired: str
    picture_foreign: str  #: its address is not one of Kakao's, or leads elsewhere
    picture_too_large: str
    picture_unreadable: str  #: of another type than it says, or broken
    pictures_too_many: str
    continue_prompt: str  #: what the model reads where a person goes on with a cut answer
    nothing_to_continue: str
    erase_label: str  #: of the button that asks for the question before an erasure
    operator_label: str  #: of Kakao's own button that calls the channel's staff
    human_offered: str  #: beside that button: nobody is called before it is pressed
    human_awaited: str  #: beside it, to who writes on: Kakao sends the staff's chats elsewhere
    welcome: str  #: to whom enters the channel
    ai_label: str  #: one line below an answer


WORDS: dict[str, KakaoWords] = {
    "ko": KakaoWords(
        more_label="더 보기",
        page_gone="이 답변은 더 이상 볼 수 없어요. 다시 질문해 주세요.",
        picture_declined=(
            "아직 사진은 볼 수 없어요. 사진에서 궁금한 내용을 글로 적어 주시면 답변해 드릴게요."
        ),
        picture_unreachable="사진을 열지 못했어요. 잠시 뒤에 다시 보내 주세요.",
        picture_expired="사진을 볼 수 있는 시간이 지났어요. 사진을 다시 보내 주세요.",
        picture_foreign="이 사진은 열 수 없어요. 카카오톡에서 사진을 직접 보내 주세요.",
        picture_too_large="사진이 너무 커요. 크기를 줄여서 다시 보내 주세요.",
        picture_unreadable="사진을 읽지 못했어요. JPG나 PNG 사진으로 다시 보내 주세요.",
        pictures_too_many="사진은 한 번에 {max}장까지 볼 수 있어요. 나누어 보내 주세요.",
        continue_prompt=(
            "방금 답변이 중간에 끊겼어요. 앞부분은 되풀이하지 말고 끊긴 곳부터 이어서 써 주세요."
        ),
        nothing_to_continue="이어서 볼 답변이 없어요. 궁금한 점을 보내 주세요.",
        erase_label="내 정보 삭제",
        operator_label="상담원 연결",
        human_offered=(
            "아래 ‘상담원 연결’을 누르시면 상담원과 이야기하실 수 있어요. "
            "다시 챗봇과 이야기하시려면 ‘챗봇’이라고 보내 주세요."
        ),
        human_awaited=(
            "상담원을 찾으셔서 챗봇은 지금 답변하지 않아요. 상담원과 이야기하시려면 "
            "‘상담원 연결’을, 챗봇과 이야기하시려면 ‘챗봇’을 눌러 주세요."
        ),
        welcome="안녕하세요! 궁금한 점을 편하게 보내 주세요.",
        ai_label="AI가 작성한 답변이에요.",
    ),
    "en": KakaoWords(
        more_label="More",
        page_gone="This answer is no longer available. Please ask again.",
        picture_declined=(
            "I cannot look at pictures yet. Please write what you want to know about it as text."
        ),
        picture_unreachable="I could not open the picture. Please send it again in a moment.",
        picture_expired="The picture is no longer available. Please send it once more.",
        picture_foreign="I cannot open this picture. Please send it in KakaoTalk itself.",
        picture_too_large="The picture is too large. Please send a smaller one.",
        picture_unreadable="I could not read the picture. Please send it as a JPG or PNG.",
        pictures_too_many="I can look at {max} pictures at once. Please send fewer.",
        continue_prompt=(
            "Your last answer was cut off. Go on exactly where it stopped, without repeating it."
        ),
        nothing_to_continue="There is no answer to go on with. Please send your question.",
        erase_label="Erase my data",
        operator_label="Call a human",
        human_offered=(
            "Press “Call a human” below to talk to a human. To talk to the bot again, send “bot”."
        ),
        human_awaited=(
            "You asked for a human, so the bot does not answer now. Press “Call a human” to talk "
            "to one, or “Bot” to talk to the bot."
        ),
        welcome="Hello! Send any question you have.",
        ai_label="Written by AI.",
    ),
}


def words_for(texts: Texts) -> KakaoWords:
    """The words in the language of the bot's texts."""
    return WORDS.get(texts.language, WORDS["ko"])
