"""How KakaoTalk shows an answer: the first response, three bubbles a page, and its buttons."""

from __future__ import annotations

from collections.abc import Iterator

from bot.configs.texts import TextsLookup
from bot.domain.answer_views import AnswerView, Place, ShownMessage
from bot.domain.deliveries import Answer, DeliveryVia, ReplyHandle
from bot.messengers.kakao.answer_pages import MAX_PAGE, answer_page
from bot.messengers.kakao.bubbles import Style, answer_bubbles
from bot.messengers.kakao.quick_replies import answer_replies
from bot.messengers.kakao.words import words_for
from bot.text.catalog import Texts


class KakaoViewer:
    """The AnswerViewer of KakaoTalk."""

    def __init__(self, texts_for: TextsLookup, style: Style) -> None:
        self._texts_for = texts_for
        self._style = style

    def view(self, answer: Answer, handle: ReplyHandle, via: DeliveryVia) -> AnswerView:
        """The promise or the button before the answer, and then its pages."""
        texts = self._texts_for("kakao", str(handle.address.get("bot_id") or ""), "")
        first = _before(via, texts)
        behind = texts.fetch_label if via is DeliveryVia.HELD else ""
        pages = tuple(self._pages(answer, texts, behind))
        return AnswerView(place=Place.CHAT, messages=first + pages)

    def _pages(self, answer: Answer, texts: Texts, behind: str) -> Iterator[ShownMessage]:
        for number in range(1, MAX_PAGE + 1):
            page = answer_page(answer.text, number)
            replies = answer_replies(answer, page, texts, operator=self._style.operator)
            yield ShownMessage(
                bubbles=tuple(answer_bubbles(page, answer, texts, self._style)),
                buttons=tuple(reply["label"] for reply in replies),
                behind=behind if number == 1 else words_for(texts).more_label,
            )
            if not page.has_next:
                break


def _before(via: DeliveryVia, texts: Texts) -> tuple[ShownMessage, ...]:
    if via is DeliveryVia.CALLBACK:
        return (ShownMessage(bubbles=(texts.callback_waiting,), is_prelude=True),)
    if via is DeliveryVia.HELD:
        # One of several sentences, by the load of that moment.
        buttons = (texts.fetch_label, texts.stop_label)
        return (ShownMessage(bubbles=(), buttons=buttons, is_prelude=True),)
    return ()
