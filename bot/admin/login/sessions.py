"""Operators' sessions: encrypted cookies that end by age, by idleness and by logging out."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from aiohttp import web
from aiohttp_session import Session
from aiohttp_session.cookie_storage import EncryptedCookieStorage

#: Where the dashboard is mounted; also the path of its cookies.
PREFIX = "/admin/"

MAX_AGE_S = 8 * 3600
MAX_IDLE_S = 3600

#: Interval at which a used cookie is written again.
_REFRESH_S = 60


class CookieStorage(EncryptedCookieStorage):
    """Marks the cookie Secure on https; an unreadable cookie is a new session."""

    def __init__(self, key: bytes, is_https: Callable[[web.Request], bool]) -> None:
        super().__init__(
            key, cookie_name="bllossom_admin", max_age=MAX_AGE_S, path=PREFIX, samesite="Lax"
        )
        self._is_https = is_https

    async def load_session(self, request: web.Request) -> Session:
        """The cookie's session; a new one if the cookie is unreadable."""
        try:
            return await super().load_session(request)
        except ValueError:  # not UTF-8, not JSON
            return await self.new_session()

    async def save_session(
        self, request: web.Request, response: web.StreamResponse, session: Session
    ) -> None:
        """Write the cookie, or delete it if the session has ended."""
        await super().save_session(request, response, session)
        if self._is_https(request):
            response.cookies[self.cookie_name]["secure"] = True


class Sessions:
    """Begins, checks and ends sessions. ``clock``: seconds since the epoch.

    A copied cookie stays readable after the logout, so ended sessions are remembered until the
    idle time would have ended them. A restart forgets them.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ended: dict[str, float] = {}

    def begin(self, session: Session) -> None:
        """Turn a new session into an operator's session."""
        now = self._clock()
        session["id"] = secrets.token_urlsafe(16)
        session["csrf"] = secrets.token_urlsafe(32)
        session["since"] = session["seen"] = now

    def is_alive(self, session: Session) -> bool:
        """Whether this is an operator's live session; the call counts as use."""
        now = self._clock()
        if session.get("id") is None or session["id"] in self._ended:
            return False
        if now - session["since"] >= MAX_AGE_S or now - session["seen"] >= MAX_IDLE_S:
            return False
        if now - session["seen"] >= _REFRESH_S:
            session["seen"] = now
        return True

    def end(self, session: Session) -> None:
        """Log out: delete the cookie and refuse copies of it."""
        now = self._clock()
        self._ended = {key: until for key, until in self._ended.items() if until > now}
        self._ended[session["id"]] = now + MAX_IDLE_S
        session.invalidate()
