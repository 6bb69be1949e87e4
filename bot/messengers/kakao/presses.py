"""What a pressed button asks for, as its ``extra`` says; Kakao sends it as action.clientExtra.

The turn is in ``extra``, not in the visible text: any person could type that. A press is only a
request: whether the turn is the person's is for the endpoint to decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from bot.messengers.kakao.answer_pages import MAX_PAGE
from bot.messengers.parsing import held_turn_id

#: The key of a fetch button's turn.
FETCH_KEY = "fetch_turn"
#: The key of a command's word.
COMMAND_KEY = "command"
_PAGE_KEY = "page"
_PAGE_TURN_KEY = "page_turn"

Extra = dict[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PagePress:
    """Asks for a page of an answer."""

    turn_id: UUID
    page: int  #: from 1

    def extra(self) -> Extra:
        """The payload of the button."""
        return {_PAGE_TURN_KEY: str(self.turn_id), _PAGE_KEY: self.page}


Press = PagePress


def read_press(extra: object) -> Press | None:
    """The press in a request's clientExtra; None if it is none of ours."""
    if not isinstance(extra, Mapping):
        return None
    if turn_id := held_turn_id(extra.get(_PAGE_TURN_KEY)):
        page = extra.get(_PAGE_KEY)
        if type(page) is int and 1 <= page <= MAX_PAGE:
            return PagePress(turn_id=turn_id, page=page)
    return None
