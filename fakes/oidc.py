"""An OpenID Connect provider as strict as one should be: PKCE, one use a code, exact redirects.

Tests change its claims, its keys and what it says of itself.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey
from yarl import URL

CLIENT_ID = "dashboard"
CLIENT_SECRET = "secret of the dashboard+1"
_ALGORITHM = "ES256"


def new_key(kid: str) -> ECKey:
    """A key of P-256 to sign with."""
    return ECKey.generate_key("P-256", {"kid": kid})


@dataclass
class OidcProvider:
    """The provider, and what tests change of it."""

    issuer: str = ""
    redirect_uri: str = ""  #: the only one that it knows
    clock: Callable[[], float] = time.time
    claims: dict[str, Any] = field(default_factory=dict)  #: of the person who logs in
    overrides: dict[str, Any] = field(default_factory=dict)  #: of the ID token; None: left out
    metadata: dict[str, Any] = field(default_factory=dict)  #: what it says else of itself
    denies: bool = False
    token_status: int = 200
    requests: list[str] = field(default_factory=list)  #: the paths that were asked
    key: ECKey = field(default_factory=lambda: new_key("k1"))
    signs_with: ECKey | OctKey | None = None  #: another key than it publishes
    algorithm: str = _ALGORITHM
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def app(self) -> web.Application:
        """Its routes."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/.well-known/openid-configuration", self._configuration),
                web.get("/authorize", self._authorize),
                web.post("/token", self._token),
                web.get("/jwks", self._jwks),
            ]
        )
        return app

    async def _configuration(self, request: web.Request) -> web.Response:
        self.requests.append(request.path)
        known = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
        }
        return web.json_response(known | self.metadata)

    async def _authorize(self, request: web.Request) -> web.Response:
        self.requests.append(request.path)
        asked = dict(request.query)
        sound = (
            asked.get("client_id") == CLIENT_ID
            and asked.get("redirect_uri") == self.redirect_uri
            and asked.get("response_type") == "code"
            and asked.get("code_challenge_method") == "S256"
            and "openid" in asked.get("scope", "").split()
        )
        if not sound:
            return web.Response(status=400, text="no such client, redirect or method")
        answer = {"state": asked["state"]}
        if self.denies:
            answer["error"] = "access_denied"
        else:
            answer["code"] = secrets.token_urlsafe(16)
            self._codes[answer["code"]] = asked
        raise web.HTTPFound(URL(self.redirect_uri).with_query(answer))

    async def _token(self, request: web.Request) -> web.Response:
        self.requests.append(request.path)
        form = await request.post()
        asked = self._codes.pop(str(form.get("code")), None)
        digest = hashlib.sha256(str(form.get("code_verifier")).encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if not self._is_client(request, dict(form)):
            return web.json_response({"error": "invalid_client"}, status=401)
        if (
            asked is None
            or asked["code_challenge"] != challenge
            or form.get("redirect_uri") != asked["redirect_uri"]
            or form.get("grant_type") != "authorization_code"
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        if self.token_status != 200:
            return web.json_response({"error": "server_error"}, status=self.token_status)
        tokens = {"access_token": "a", "token_type": "Bearer", "id_token": self._id_token(asked)}
        return web.json_response(tokens)

    def _is_client(self, request: web.Request, form: dict[str, Any]) -> bool:
        if self.metadata.get("token_endpoint_auth_methods_supported") == ["client_secret_post"]:
            given = form.get("client_id"), form.get("client_secret")
            return given == (CLIENT_ID, CLIENT_SECRET)
        pair = base64.b64encode(f"{CLIENT_ID}:{quote_plus(CLIENT_SECRET)}".encode()).decode()
        return request.headers.get("Authorization", "") == f"Basic {pair}"

    def _id_token(self, asked: dict[str, str]) -> str:
        now = int(self.clock())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
        } | self.claims
        claims |= self.overrides
        kept = {name: value for name, value in claims.items() if value is not None}
        key: Any = self.signs_with or self.key
        if self.algorithm == "none":
            return _unsigned(kept)
        header = {"alg": self.algorithm, "kid": self.key.kid}
        return jwt.encode(header, kept, key, algorithms=[self.algorithm])

    async def _jwks(self, request: web.Request) -> web.Response:
        self.requests.append(request.path)
        return web.json_response(KeySet([self.key]).as_dict(private=False))


def _unsigned(claims: dict[str, Any]) -> str:
    parts = ({"alg": "none"}, claims)
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    return (b".".join(encoded) + b".").decode()


@asynccontextmanager
async def oidc_provider(clock: Callable[[], float]) -> AsyncIterator[OidcProvider]:
    """The provider on a port of this machine."""
    provider = OidcProvider(clock=clock)
    runner = web.AppRunner(provider.app())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    provider.issuer = f"http://127.0.0.1:{port}"
    try:
        yield provider
    finally:
        await runner.cleanup()
