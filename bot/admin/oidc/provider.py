"""The provider's endpoints: discovery, tokens, keys (OpenID Connect Discovery 1.0)."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar

from bot.admin.oidc.errors import Fault, OidcError

TIMEOUT = ClientTimeout(total=8.0, connect=4.0)
#: Of any of its documents.
MAX_BYTES = 256 * 1024
#: The time for which its metadata is believed: strangers make us ask no more often.
METADATA_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What the provider says of itself."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    posts_secret: bool  #: its token endpoint takes the client's secret in the body only
    sends_issuer: bool  #: its redirects name the issuer (RFC 9207)


class Provider:
    """Asks the provider. ``issuer``: its URL, as it stands in tokens. ``clock``: seconds."""

    def __init__(
        self, *, issuer: str, client_id: str, client_secret: str, clock: Callable[[], float]
    ) -> None:
        self.issuer = issuer
        self.client_id = client_id
        self._secret = client_secret
        self._clock = clock
        self._lock = asyncio.Lock()
        self._known: tuple[float, Metadata] | None = None

    def now(self) -> float:
        """Seconds since the epoch, by the clock that judges its tokens."""
        return self._clock()

    async def metadata(self) -> Metadata:
        """The endpoints, asked for now or some minutes ago. Raises OidcError."""
        async with self._lock:
            now = self._clock()
            if self._known is None or not 0 <= now - self._known[0] < METADATA_S:
                self._known = now, await self._discover()
            return self._known[1]

    async def redeem(self, code: str, verifier: str, redirect_uri: str) -> dict[str, Any]:
        """The tokens for a code. Raises OidcError."""
        metadata = await self.metadata()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": verifier,
            "redirect_uri": redirect_uri,
        }
        headers = {"Authorization": self._basic()}
        if metadata.posts_secret:
            form |= {"client_id": self.client_id, "client_secret": self._secret}
            headers = {}
        return await _ask("POST", metadata.token_endpoint, Fault.TOKEN, data=form, headers=headers)

    async def keys(self) -> dict[str, Any]:
        """The keys that sign its tokens (RFC 7517). Raises OidcError."""
        return await _ask("GET", (await self.metadata()).jwks_uri, Fault.METADATA)

    def _basic(self) -> str:
        """Both halves are encoded as in a form first (RFC 6749, 2.3.1)."""
        pair = f"{quote_plus(self.client_id)}:{quote_plus(self._secret)}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"

    async def _discover(self) -> Metadata:
        url = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
        found = await _ask("GET", url, Fault.METADATA)
        # Discovery 1.0, 4.3: must be the URL that was asked, to the letter.
        if found.get("issuer") != self.issuer:
            raise OidcError(Fault.METADATA)
        methods = found.get("token_endpoint_auth_methods_supported")
        methods = methods if isinstance(methods, list) else ["client_secret_basic"]
        return Metadata(
            authorization_endpoint=self._endpoint(found, "authorization_endpoint"),
            token_endpoint=self._endpoint(found, "token_endpoint"),
            jwks_uri=self._endpoint(found, "jwks_uri"),
            posts_secret="client_secret_basic" not in methods,
            sends_issuer=found.get("authorization_response_iss_parameter_supported") is True,
        )

    def _endpoint(self, found: Mapping[str, Any], name: str) -> str:
        """An endpoint, as safe on its way as the issuer is. Raises OidcError."""
        url = found.get(name)
        try:
            parts = urlsplit(url if isinstance(url, str) else "")
        except ValueError:
            raise OidcError(Fault.METADATA) from None
        if parts.scheme != urlsplit(self.issuer).scheme or not parts.hostname:
            raise OidcError(Fault.METADATA)
        return str(url)


async def _ask(method: str, url: str, fault: Fault, **sent: Any) -> dict[str, Any]:
    """The JSON object of a response; ``fault``: of any other response. Raises OidcError."""
    try:
        async with (
            ClientSession(timeout=TIMEOUT, cookie_jar=DummyCookieJar()) as http,
            http.request(method, url, allow_redirects=False, **sent) as response,
        ):
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise OidcError(fault)
            status = response.status
    except (ClientError, OSError, TimeoutError, ValueError):
        raise OidcError(Fault.UNREACHABLE) from None
    if status >= 500:
        raise OidcError(Fault.UNREACHABLE)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise OidcError(fault) from None
    if status != 200 or not isinstance(document, dict):
        raise OidcError(fault)
    return document
