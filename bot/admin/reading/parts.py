"""What the pages need beside the database: how answers are composed, shown, and addressed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from aiohttp import web

from bot.admin.reading.keys import ObjectKeys
from bot.domain.answer_views import AnswerView, AnswerViewer, Place, ShownMessage
from bot.domain.deliveries import Answer, DeliveryVia
from bot.domain.turns import SETTLED
from bot.privacy.masking import mask
from bot.store.turn_outcomes import TurnOutcome


def _as_stored(turn: TurnOutcome) -> Answer:
    return Answer(turn_id=turn.id, text=turn.answer or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerDisplay:
    """How answers are composed, and how each messenger shows them."""

    compose: Callable[[TurnOutcome], Answer] = _as_stored
    viewers: Mapping[str, AnswerViewer] = field(default_factory=dict)  #: by the messenger's name

    def view(self, turn: TurnOutcome, via: str | None) -> AnswerView | None:
        """The settled turn's answer as its person saw it, masked; None: there is none yet."""
        if turn.status not in SETTLED:
            return None
        # Masked before it is split, so that no number is cut, and afterwards, since plain text may
        # join what Markdown keeps apart.
        answer = self.compose(turn)
        answer = replace(answer, text=mask(answer.text))
        viewer = self.viewers.get(turn.messenger)
        if viewer is None:  # a messenger that was switched off
            return AnswerView(place=Place.SERVICE, messages=(ShownMessage(bubbles=(answer.text,)),))
        route = DeliveryVia(via) if via and via in set(DeliveryVia) else turn.reply_handle.via
        view = viewer.view(answer, turn.reply_handle, route)
        return replace(view, messages=tuple(map(_masked, view.messages)))


def _masked(message: ShownMessage) -> ShownMessage:
    return replace(message, bubbles=tuple(map(mask, message.bubbles)))


DISPLAY = web.AppKey("DISPLAY", AnswerDisplay)
KEYS = web.AppKey("KEYS", ObjectKeys)
