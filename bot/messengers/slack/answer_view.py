"""How Slack shows an answer: messages in a thread or a direct channel, or one to a command."""

from __future__ import annotations

from bot.domain.answer_views import AnswerView, Place, ShownMessage
from bot.domain.deliveries import Answer, DeliveryVia, ReplyHandle
from bot.messengers.slack.blocks import answer_parts, message_markdown
from bot.messengers.slack.controls import VOTE_BUTTONS
from bot.messengers.slack.conversations import room_of
from bot.messengers.slack.settings import SlackSettings
from bot.messengers.slack.slash_command import visibility_of
from bot.text.catalog import Texts


class SlackViewer:
    """The AnswerViewer of Slack."""

    def __init__(self, settings: SlackSettings, texts: Texts) -> None:
        self._settings = settings
        self._texts = texts

    def view(self, answer: Answer, handle: ReplyHandle, _via: DeliveryVia) -> AnswerView:
        """The messages, the first with the notice, the last with the buttons of a vote."""
        place = self._place(handle)
        in_room = room_of(handle) is not None
        parts = (
            answer_parts(answer, self._texts)
            if in_room
            else [message_markdown(answer, self._texts)]
        )
        notice = answer.notice(self._texts.ai_notice)
        last = len(parts) - 1
        return AnswerView(
            place=place,
            messages=tuple(
                ShownMessage(
                    bubbles=(part, notice) if notice and number == 0 else (part,),
                    buttons=self._buttons(answer) if number == last else (),
                )
                for number, part in enumerate(parts)
            ),
        )

    def _buttons(self, answer: Answer) -> tuple[str, ...]:
        if not answer.answered or not VOTE_BUTTONS[self._settings.feedback]:
            return ()
        return (self._texts.good_label, self._texts.bad_label)

    def _place(self, handle: ReplyHandle) -> Place:
        kind = handle.address.get("kind")
        if kind == "direct":
            return Place.CHAT
        if kind == "room":
            return Place.THREAD
        seen_by_all = visibility_of(handle.address, self._settings) == "in_channel"
        return Place.CHANNEL if seen_by_all else Place.ONLY_ASKER
