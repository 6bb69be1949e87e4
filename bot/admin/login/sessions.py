"""Sessions of operators: encrypted cookies that end by age, by idleness, and by logging out."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from aiohttp import web
from aiohttp_session import Session
from aiohttp_session.cookie_storage import EncryptedCookieStorage

#: Where the dashboard is mounted, and all its cookies go.
PREFIX = "/admin/"

MAX_AGE_S = 8 * 3600
MAX_IDLE_S = 3600

#: How often the cookie is written anew while it is used.
_REFRESH_S = 60


class CookieStorage(EncryptedCookieStorage):
    """Marks the cookie Secure where the request came by https; a damaged cookie is no session."""

    def __init__(self, key: bytes, is_https: Callable[[web.Request], bool]) -> None:
        super().__init__(
            key, cookie_name="bllossom_admin", max_age=MAX_AGE_S, path=PREFIX, samesite="Lax"
        )
        self._is_https = is_https

    async def load_session(self, request: web.Request) -> Session:
        """A new, empty session for a cookie that cannot be read."""
        try:
            return await super().load_session(request)
        except ValueError:  # not UTF-8, not JSON
            return await self.new_session()

    async def save_session(
        self, request: web.Request, response: web.StreamResponse, session: Session
    ) -> None:
        """Write the cookie, or delete it where the session was ended."""
        await super().save_session(request, response, session)
        if self._is_https(request):
            response.cookies[self.cookie_name]["secure"] = True


class Sessions:
    """Begins, checks and ends sessions. ``clock``: seconds since the epoch.

    A cookie stays readable after logging out, so the ids of ended sessions are remembered until
    the longest idle time has ended them anyway. They are forgotten with the process.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ended: dict[str, float] = {}

    def begin(self, session: Session) -> None:
        """Make a new session one of an operator."""
        now = self._clock()
        session["id"] = secrets.token_urlsafe(16)
        session["csrf"] = secrets.token_urlsafe(32)
        session["since"] = session["seen"] = now

    def is_alive(self, session: Session) -> bool:
        """Whether this is an operator's session; being asked counts as use."""
        now = self._clock()
        if session.get("id") is None or session["id"] in self._ended:
            return False
        if now - session["since"] >= MAX_AGE_S or now - session["seen"] >= MAX_IDLE_S:
            return False
        if now - session["seen"] >= _REFRESH_S:
            session["seen"] = now
        return True

    def end(self, session: Session) -> None:
        """Log out: the cookie goes, and copies of it are refused."""
        now = self._clock()
        self._ended = {key: until for key, until in self._ended.items() if until > now}
        self._ended[session["id"]] = now + MAX_IDLE_S
        session.invalidate()
