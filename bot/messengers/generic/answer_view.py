"""What an in-house messenger gets to show: the text of one result, and the notice beside it."""

from __future__ import annotations

from bot.domain.answer_views import AnswerView, Place, ShownMessage
from bot.domain.deliveries import Answer, DeliveryVia, ReplyHandle
from bot.text.catalog import Texts


class GenericViewer:
    """The AnswerViewer of the generic webhook."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def view(self, answer: Answer, _handle: ReplyHandle, _via: DeliveryVia) -> AnswerView:
        """The text of the result as it is sent: Markdown, or a sentence in its place."""
        notice = answer.notice(self._texts.ai_notice)
        bubbles = (answer.text, notice) if notice else (answer.text,)
        return AnswerView(place=Place.SERVICE, messages=(ShownMessage(bubbles=bubbles),))
