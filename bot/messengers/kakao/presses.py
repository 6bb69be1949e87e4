"""What a pressed button asks for, as its ``extra`` says; Kakao sends it as action.clientExtra.

The turn is in ``extra``, not in the visible text: any person could type that. A press is only a
request: whether the turn is the person's is for the endpoint to decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from bot.domain.feedback import Reason, Vote
from bot.messengers.kakao.answer_pages import MAX_PAGE
from bot.messengers.parsing import held_turn_id

#: The key of a fetch button's turn.
FETCH_KEY = "fetch_turn"
#: The key of a command's word.
COMMAND_KEY = "command"
#: The key of a command that needs no further question.
CONFIRMED_KEY = "confirmed"
_PAGE_TURN_KEY = "page_turn"
_PAGE_KEY = "page"
_CONTINUE_KEY = "continue_turn"
_TURN_KEY = "turn"
_VOTE_KEY = "vote"
_REASON_KEY = "reason"
_UNFINISHED_KEY = "unfinished"

Extra = dict[str, str | int | bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class PagePress:
    """Asks for a page of an answer; without a turn, of the newest one."""

    turn_id: UUID | None
    page: int  #: from 1

    def extra(self) -> Extra:
        """The payload of the button."""
        return {_PAGE_TURN_KEY: str(self.turn_id), _PAGE_KEY: self.page}


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinuePress:
    """Asks to go on with an answer that the model did not finish; None: the newest one."""

    turn_id: UUID | None

    def extra(self) -> Extra:
        """The payload of the button."""
        return {_CONTINUE_KEY: str(self.turn_id)}


@dataclass(frozen=True, slots=True, kw_only=True)
class VotePress:
    """Judges an answer, and remembers how that goes on.

    ``page``: its next page, which is still to be read; ``unfinished``: the model can go on with it.
    """

    turn_id: UUID
    vote: Vote
    reason: Reason | None = None
    page: int | None = None
    unfinished: bool = False

    def extra(self) -> Extra:
        """The payload of the button."""
        extra: Extra = {_VOTE_KEY: self.vote.value, _TURN_KEY: str(self.turn_id)}
        if self.reason:
            extra[_REASON_KEY] = self.reason.value
        if self.page:
            extra[_PAGE_KEY] = self.page
        if self.unfinished:
            extra[_UNFINISHED_KEY] = True
        return extra


Press = PagePress | ContinuePress | VotePress


def read_press(extra: object) -> Press | None:
    """The press in a request's clientExtra; None if it is none of ours."""
    if not isinstance(extra, Mapping):
        return None
    page = _page(extra.get(_PAGE_KEY))
    if (turn_id := held_turn_id(extra.get(_PAGE_TURN_KEY))) and page:
        return PagePress(turn_id=turn_id, page=page)
    if turn_id := held_turn_id(extra.get(_CONTINUE_KEY)):
        return ContinuePress(turn_id=turn_id)
    if turn_id := held_turn_id(extra.get(_TURN_KEY)):
        return _vote(extra, turn_id, page)
    return None


def _vote(extra: Mapping[Any, Any], turn_id: UUID, page: int | None) -> VotePress | None:
    raw = extra.get(_REASON_KEY)
    try:
        vote = Vote(extra.get(_VOTE_KEY, ""))
        reason = None if raw is None else Reason(raw)
    except ValueError:
        return None
    unfinished = extra.get(_UNFINISHED_KEY) is True
    return VotePress(turn_id=turn_id, vote=vote, reason=reason, page=page, unfinished=unfinished)


def _page(raw: object) -> int | None:
    return raw if type(raw) is int and 1 <= raw <= MAX_PAGE else None
