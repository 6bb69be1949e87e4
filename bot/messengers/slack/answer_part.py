"""One message of an answer: what it shows, and what is tried where Slack refuses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog

from bot.domain.deliveries import Answer
from bot.messengers.slack.api import ApiResult
from bot.messengers.slack.blocks import (
    MAX_FALLBACK_CHARS,
    MAX_MARKDOWN_CHARS,
    context,
    part_message,
    plain_part,
)
from bot.messengers.slack.controls import VOTE_BUTTONS, vote_blocks
from bot.messengers.slack.refusals import is_too_long
from bot.messengers.slack.settings import SlackSettings
from bot.messengers.slack.web_api import Room, turn_metadata
from bot.text.catalog import Texts

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPart:
    """One message of an answer."""

    room: Room
    answer: Answer
    markdown: str
    number: int
    count: int
    asked_at: float  #: Unix seconds of the question
    app: object  #: the id of the bot's own app, or None

    @property
    def metadata(self) -> dict[str, Any]:
        """What names the turn and the part."""
        return turn_metadata(self.answer.turn_id, self.number, self.count)

    def warn(self, refused: ApiResult) -> None:
        """Log that Slack has refused the message in one shape."""
        code = "too long" if is_too_long(refused.delivery) else refused.error
        log.warning("slack_message_refused", turn_id=str(self.answer.turn_id), code=code)


class PartLayout:
    """The shapes of messages."""

    def __init__(self, settings: SlackSettings, texts: Texts) -> None:
        self._buttons = VOTE_BUTTONS[settings.feedback]
        self._texts = texts

    def messages(self, part: AnswerPart) -> list[dict[str, Any]]:
        """The message, and then plainer ones: with other buttons, without, as plain text."""
        notice = part.answer.notice(self._texts.ai_notice) if part.number == 0 else ""
        message = part_message(part.markdown, notice=notice)
        tries = []
        if part.answer.answered and part.number == part.count - 1:
            for native in self._buttons:
                buttons = vote_blocks(part.answer.turn_id, self._texts, native=native)
                tries.append({**message, "blocks": [*message["blocks"], *buttons]})
        tries.append(message)
        plain = [MAX_MARKDOWN_CHARS, MAX_FALLBACK_CHARS]
        return tries + [plain_part(part.markdown, notice=notice, max_chars=n) for n in plain]

    def below(self, part: AnswerPart) -> list[dict[str, Any]]:
        """The blocks below the text of a whole answer."""
        notice = part.answer.notice(self._texts.ai_notice)
        blocks = [context(notice)] if notice else []
        kinds = self._buttons[:1] if part.answer.answered else ()
        return blocks + [
            block
            for native in kinds
            for block in vote_blocks(part.answer.turn_id, self._texts, native=native)
        ]
