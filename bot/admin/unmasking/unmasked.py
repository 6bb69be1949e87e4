"""Which conversations a session may read unmasked, and until when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from aiohttp import web
from aiohttp_session import Session, get_session

from bot.admin.login.identity import USER
from bot.domain.dashboard_users import Role

MINUTES = 10
#: At once in a session, the newest: they are kept in its cookie.
MAX_CONVERSATIONS = 5
#: Who may read people's data as it was written.
ROLE = Role.ADMIN

_NAME = "unmasked"


class Unmasked:
    """The unmasked conversations of sessions, kept in their encrypted cookies.

    ``clock``: seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock

    def add(self, session: Session, conversation_id: int) -> None:
        """Unmask the conversation for ``MINUTES``."""
        others = [place for place in self._places(session) if place[0] != conversation_id]
        added = [conversation_id, self._clock() + MINUTES * 60]
        session[_NAME] = [*others, added][-MAX_CONVERSATIONS:]

    def remove(self, session: Session, conversation_id: int) -> None:
        """Mask the conversation again."""
        session[_NAME] = [place for place in self._places(session) if place[0] != conversation_id]

    async def until(self, request: web.Request, conversation_id: int) -> datetime | None:
        """Until when the request's user reads the conversation unmasked; None: it is masked."""
        if not request[USER].role.includes(ROLE):
            return None
        places = self._places(await get_session(request))
        ends = next((end for found, end in places if found == conversation_id), None)
        return datetime.fromtimestamp(ends, UTC) if ends else None

    def _places(self, session: Session) -> list[list[float]]:
        """Ids with their ends, without those that are over."""
        now = self._clock()
        return [place for place in session.get(_NAME, ()) if place[1] > now]


UNMASKED = web.AppKey("UNMASKED", Unmasked)
