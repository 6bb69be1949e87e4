"""How a messenger shows an answer, for operators who read a conversation as the person saw it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bot.domain.deliveries import Answer, DeliveryVia, ReplyHandle


class Place(StrEnum):
    """Where an answer is shown, and to whom."""

    CHAT = "chat"  #: a chat of one person with the bot
    THREAD = "thread"  #: below a message of a channel
    CHANNEL = "channel"  #: to everybody in a channel
    ONLY_ASKER = "only_asker"  #: in a channel, where only the asker sees it
    SERVICE = "service"  #: at another program, which shows it in its own way


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownMessage:
    """What the messenger shows at once: one or more bubbles, and the buttons below them."""

    bubbles: tuple[str, ...]  #: empty: which sentence it was is not kept
    buttons: tuple[str, ...] = ()  #: their labels
    behind: str = ""  #: the label of the button that brings it; "": it comes by itself
    is_prelude: bool = False  #: shown before the answer, whatever becomes of that


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerView:
    """An answer in its messenger."""

    place: Place
    messages: tuple[ShownMessage, ...]


class AnswerViewer(Protocol):
    """The knowledge of one messenger about what it shows. No I/O."""

    def view(self, answer: Answer, handle: ReplyHandle, via: DeliveryVia, /) -> AnswerView:
        """What the person saw, or sees once the answer comes, by the route ``via``."""
