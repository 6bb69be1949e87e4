"""Slack's OAuth: codes, refresh tokens and what they cost to use twice.

    async with slack_oauth_server() as oauth:
        browser goes to oauth.origin + "/oauth/v2/authorize?..."; or oauth.new_code("T1")
        bot: BOT_SLACK_API_URL = oauth.api_url

Codes and refresh tokens are good for one use: a code for ten minutes, a token of an app with
rotation (``expires_in_s``) for as long. ``add_routes`` mounts it beside the rest of the Web API.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from fakes.faults import Faults, serving

CLIENT_ID, CLIENT_SECRET = "12345.67890", "client-secret-of-the-app"
CODE_LIFE_S = 600.0
#: What Slack calls a token's life with rotation: twelve hours.
TOKEN_LIFE_S = 43_200


@dataclass
class Grant:
    """An installation as Slack keeps it."""

    team: str
    user: str
    enterprise: str
    scopes: tuple[str, ...]
    redirect_uri: str | None
    issued_at: float = field(default_factory=time.time)
    code_used: bool = False
    is_for_enterprise: bool = False


@dataclass
class Issued:
    """A token and its end in Unix seconds; None: it lives on."""

    grant: Grant
    expires_at: float | None
    revoked: bool = False


class SlackOAuth:
    """The installations of one app."""

    def __init__(self) -> None:
        self.origin = ""  #: set when it serves
        self.expires_in_s: int | None = None  #: set: tokens expire and are renewed
        self.withheld: set[str] = set()  #: scopes that no workspace grants
        self.padding = ""  #: at the end of each token
        self.access_faults = Faults()
        self.accesses: list[dict[str, str]] = []  #: every call of oauth.v2.access
        self.refreshes: list[str] = []  #: refresh tokens as they were used, once more ones too
        self.tokens: dict[str, Issued] = {}
        self.on_issue: Callable[[str, str], object] = lambda *_: None  #: each token, and its team
        self._codes: dict[str, Grant] = {}
        self._refresh: dict[str, Grant] = {}  #: unused refresh tokens

    @property
    def api_url(self) -> str:
        """For BOT_SLACK_API_URL."""
        return f"{self.origin}/api/"

    def add_routes(self, app: web.Application) -> None:
        """Mount the browser's page and the methods of the Web API."""
        app.router.add_get("/oauth/v2/authorize", self.authorize)
        app.router.add_post("/api/oauth.v2.access", self.access)
        app.router.add_post("/api/auth.revoke", self.revoke)

    def new_code(self, team: str = "T0BLLOSSOM", *, user: str = "U1", **changes: Any) -> str:
        """A code as a person's consent makes it; ``changes``: fields of the grant."""
        code = f"{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        fields = {"enterprise": "", "scopes": ("chat:write",), "redirect_uri": None, **changes}
        self._codes[code] = Grant(team=team, user=user, **fields)
        return code

    def age_code(self, code: str, seconds: float) -> None:
        """Let a code be so much older."""
        self._codes[code].issued_at -= seconds

    def refusal(self, token: str) -> str:
        """Slack's code for a token that does not work, or ""."""
        issued = self.tokens.get(token)
        if issued is None:
            return "invalid_auth"
        if issued.revoked:
            return "token_revoked"
        ended = issued.expires_at is not None and issued.expires_at <= time.time()
        return "token_expired" if ended else ""

    def identity(self, token: str) -> web.Response:
        """The answer of auth.test to a token."""
        if error := self.refusal(token):
            return web.json_response({"ok": False, "error": error})
        grant = self.tokens[token].grant
        return web.json_response(
            headers={"x-oauth-scopes": ",".join(grant.scopes)},
            data={
                "ok": True,
                "url": f"https://{grant.team.lower()}.slack.com/",
                "team": "둘리 상사",
                "team_id": grant.team,
                "user": "bllossom",
                "user_id": "U0BLLOSSOM",
                "bot_id": "B0BLLOSSOM",
            },
        )

    async def authorize(self, request: web.Request) -> web.Response:
        """The page of consent: everybody agrees at once, unless ``?deny=1``."""
        asked = request.query
        if asked.get("client_id") != CLIENT_ID or not asked.get("scope"):
            return web.Response(status=400, text="invalid_client_id or no scope")
        redirect_uri = asked.get("redirect_uri", "")
        back = {"state": asked.get("state", "")}
        if asked.get("deny"):
            raise web.HTTPFound(f"{redirect_uri}?{urlencode({'error': 'access_denied', **back})}")
        granted = tuple(scope for scope in asked["scope"].split(",") if scope not in self.withheld)
        code = self.new_code(asked.get("team", "T0BLLOSSOM"), scopes=granted)
        self._codes[code].redirect_uri = redirect_uri or None
        raise web.HTTPFound(f"{redirect_uri}?{urlencode({'code': code, **back})}")

    async def access(self, request: web.Request) -> web.Response:
        """oauth.v2.access: a code, or a refresh token, for a token."""
        fields = {key: str(value) for key, value in (await request.post()).items()}
        fault = self.access_faults.take()
        self.accesses.append(fields)
        if error := _stranger(request, fields):
            return _refused(error)
        if fields.get("grant_type") == "refresh_token":
            answer = self._renew(fields.get("refresh_token", ""))
        else:
            answer = self.answer_code(fields.get("code", ""), fields.get("redirect_uri"))
        return await self.access_faults.answer(fault, request, web.json_response(answer))

    async def revoke(self, request: web.Request) -> web.Response:
        """auth.revoke: the token of the header works no more."""
        token = _bearer(request) or str((await request.post()).get("token", ""))
        if error := self.refusal(token):
            return _refused(error)
        self.tokens[token].revoked = True
        return web.json_response({"ok": True, "revoked": True})

    def answer_code(self, code: str, redirect_uri: str | None = None) -> dict[str, Any]:
        """What oauth.v2.access says to a code."""
        grant = self._codes.get(code)
        if grant is None:
            return _error("invalid_code")
        if grant.code_used:
            return _error("code_already_used")
        if time.time() - grant.issued_at > CODE_LIFE_S:
            return _error("code_expired")
        if grant.redirect_uri != redirect_uri:
            return _error("bad_redirect_uri")
        grant.code_used = True
        return self._token(grant)

    def _renew(self, refresh_token: str) -> dict[str, Any]:
        self.refreshes.append(refresh_token)
        grant = self._refresh.pop(refresh_token, None)
        return self._token(grant) if grant else _error("invalid_refresh_token")

    def _token(self, grant: Grant) -> dict[str, Any]:
        prefix = "xoxe.xoxb-1-" if self.expires_in_s is not None else "xoxb-"
        token = prefix + secrets.token_hex(24) + self.padding
        expiry: dict[str, Any] = {}
        ends: float | None = None
        if self.expires_in_s is not None:
            refresh_token = f"xoxe-1-{secrets.token_hex(24)}"
            self._refresh[refresh_token] = grant
            ends = time.time() + self.expires_in_s
            expiry = {"expires_in": self.expires_in_s, "refresh_token": refresh_token}
        self.tokens[token] = Issued(grant, ends)
        self.on_issue(token, grant.team)
        organisation = {"id": grant.enterprise, "name": "둘리 그룹"} if grant.enterprise else None
        team = None if grant.is_for_enterprise else {"id": grant.team, "name": "둘리 상사"}
        return {
            "ok": True,
            "app_id": "A0BLLOSSOM",
            "authed_user": {"id": grant.user},
            "scope": ",".join(grant.scopes),
            "token_type": "bot",
            "access_token": token,
            "bot_user_id": "U0BLLOSSOM",
            "team": team,
            "enterprise": organisation,
            "is_enterprise_install": grant.is_for_enterprise,
            **expiry,
        }


def _stranger(request: web.Request, fields: Mapping[str, str]) -> str:
    """The error for a caller who does not know the app's secret."""
    given = (fields.get("client_id"), fields.get("client_secret"))
    header = request.headers.get("Authorization", "")
    if header.startswith("Basic "):
        login, _, password = base64.b64decode(header[6:]).decode().partition(":")
        given = (login, password)
    if given[0] != CLIENT_ID:
        return "invalid_client_id"
    return "" if given[1] == CLIENT_SECRET else "bad_client_secret"


def _bearer(request: web.Request) -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


def _error(code: str) -> dict[str, Any]:
    return {"ok": False, "error": code}


def _refused(code: str) -> web.Response:
    return web.json_response(_error(code))


@asynccontextmanager
async def slack_oauth_server() -> AsyncIterator[SlackOAuth]:
    """OAuth alone, with auth.test, serving."""
    oauth = SlackOAuth()

    async def auth_test(request: web.Request) -> web.Response:
        return oauth.identity(_bearer(request))

    app = web.Application()
    oauth.add_routes(app)
    app.router.add_post("/api/auth.test", auth_test)
    async with serving(app, oauth.access_faults.close) as origin:
        oauth.origin = origin
        yield oauth
