"""Users' sessions: encrypted cookies that end by age, by idleness and by logging out."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from aiohttp import web
from aiohttp_session import Session
from aiohttp_session.cookie_storage import EncryptedCookieStorage

from bot.admin.login.ended_sessions import EndedSessions
from bot.admin.login.form_tokens import FormTokens
from bot.domain.dashboard_users import DashboardUser

#: Where the dashboard is mounted; also the path of its cookies.
PREFIX = "/admin/"

MAX_AGE_S = 8 * 3600
MAX_IDLE_S = 3600
#: Between a right password and the code of the second factor.
MAX_CODE_S = 300

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

    A copied cookie stays readable after the logout, so ended sessions are remembered for as long
    as any of their cookies could be valid.
    """

    def __init__(
        self, ended: EndedSessions, clock: Callable[[], float], tokens: FormTokens
    ) -> None:
        self.tokens = tokens
        self._ended = ended
        self._clock = clock

    def begin(self, session: Session, user: DashboardUser, *, second_factor: bool) -> None:
        """Turn a new session into the user's; ``second_factor``: a code was right."""
        now = self._clock()
        # Versions before there were roles read another name, and so take nobody for an operator.
        session["sid"] = secrets.token_urlsafe(16)
        session["csrf"] = self.tokens.new(user.name)
        session["since"] = session["seen"] = now
        session["user"] = user.name
        session["second_factor"] = second_factor
        self.renew(session, user.generation)

    def renew(self, session: Session, generation: int) -> None:
        """Let this session outlive the change that ends the user's others."""
        session["generation"] = generation

    def expect_code(self, session: Session, user: DashboardUser) -> None:
        """Remember in a new session that the user's password was right."""
        session["expects"] = {"user": user.name, "generation": user.generation}
        session["since"] = self._clock()

    def expected(self, session: Session) -> tuple[str, int] | None:
        """The name and generation of the user whose code is awaited, for some minutes."""
        expects = session.get("expects")
        if expects is None or self._clock() - float(session["since"]) >= MAX_CODE_S:
            return None
        return str(expects["user"]), int(expects["generation"])

    def seems_alive(self, session: Session) -> bool:
        """Whether the cookie and this process's memory say so; only Postgres knows for certain."""
        now = self._clock()
        if session.get("sid") is None or self._ended.remembers(session["sid"]):
            return False
        since, seen = float(session["since"]), float(session["seen"])
        return now - since < MAX_AGE_S and now - seen < MAX_IDLE_S

    async def is_alive(self, session: Session) -> bool:
        """Whether this is a user's live session; the call counts as use.

        Raises DATABASE_ERRORS. The cookie of a session that ended elsewhere is deleted.
        """
        if not self.seems_alive(session):
            return False
        if await self._ended.contains(session["sid"]):
            session.invalidate()
            return False
        now = self._clock()
        if now - session["seen"] >= _REFRESH_S:
            session["seen"] = now
        return True

    async def end(self, session: Session) -> None:
        """Log out: delete the cookie and refuse copies of it."""
        session_id = session["sid"]
        session.invalidate()
        await self._ended.add(session_id)


def opens_for(session: Session, user: DashboardUser | None) -> bool:
    """Whether the live session is still good for its user, as the database has them now."""
    if user is None or user.disabled_at or session["generation"] != user.generation:
        return False
    return bool(session["second_factor"]) or not user.has_second_factor
