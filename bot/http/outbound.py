"""One POST to an allow-listed URL: byte for byte, never redirected.

A URL from a request is untrusted until its host is checked (SSRF). Its one-shot token must keep its
spelling: yarl would turn %3D into "=" and %7E into "~".
"""

from __future__ import annotations

import functools
import json
import re
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self

import orjson
import structlog
from aiohttp import (
    ClientConnectionError,
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    DummyCookieJar,
    TCPConnector,
)
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver
from yarl import URL

from bot.domain.deliveries import DeliveryResult, Outcome
from runtime.connection_reuse import CleanConnector, ConnectionUse, telling_of_reuse
from runtime.ip_address import is_public

log = structlog.get_logger(__name__)

MAX_URL_CHARS = 2048
#: The maximum size of a response; both platforms respond with less than a kilobyte.
MAX_REPLY_BYTES = 64 * 1024
#: Connecting has its own, shorter time-out: at its end, nothing was sent yet.
TIMEOUT = ClientTimeout(total=8.0, connect=4.0)

#: The connections that are kept at once, and the seconds that an idle one is kept.
MAX_KEPT, KEEP_S = 256, 15.0
#: A dead connection shows at once; with the time of a second POST, a delivery ends in ten seconds.
STALE_S = 1.5

# Printable ASCII, without a fragment or characters on which URL parsers disagree.
_PLAIN_URL = re.compile(r"https?://[!$-;=?-\[\]_a-z~]+")
_HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An HTTP response."""

    status: int
    body: bytes  #: its first bytes, up to the maximum of the call
    headers: Mapping[str, str]  #: case-insensitive

    @property
    def retry_after_s(self) -> float | None:
        """The Retry-After header, if it holds seconds."""
        raw = self.headers.get("Retry-After", "")
        return float(raw) if re.fullmatch(r"[0-9]{1,6}", raw) else None

    @property
    def document(self) -> dict[str, Any]:
        """The JSON object in the body; an empty one for anything else, however deep.

        Whole numbers beyond 64 bits come as floats.
        """
        try:
            document = orjson.loads(self.body)
        except ValueError:  # or what orjson does not take: NaN, half a surrogate pair, UTF-16
            document = _loads_leniently(self.body)
        return document if isinstance(document, dict) else {}


def _loads_leniently(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoReply:
    """A request without a response, or one that was never sent."""

    outcome: Outcome  #: RETRY: certainly not sent; UNCONFIRMED: it may have arrived; REFUSED
    detail: str
    is_stale: bool = False  #: it was lost with a connection that had served before


Judge = Callable[[Reply], DeliveryResult]


def host_of(url: str) -> str:
    """The host of a URL for a log line; "?" where there is none. The path may hold a token."""
    try:
        return (URL(url[:MAX_URL_CHARS], encoded=True).raw_host or "?")[:100]
    except ValueError:
        return "?"


def allowed(url: object, entries: Iterable[str]) -> bool:
    """Whether ``url`` may be called.

    An entry is a host ("hooks.slack.com"), all hosts below one (".kakao.com"), or an origin
    ("http://127.0.0.1:9900"). The first two allow https on port 443 only.
    """
    if not isinstance(url, str) or len(url) > MAX_URL_CHARS or not _PLAIN_URL.fullmatch(url):
        return False
    try:
        target = URL(url, encoded=True)
        userinfo = "@" in target.raw_authority
        port = target.port
    except ValueError:
        return False
    if userinfo or not target.raw_host:
        return False
    return any(_matches(target, port, entry.strip().lower()) for entry in entries)


def _matches(target: URL, port: int | None, entry: str) -> bool:
    host = (target.raw_host or "").lower()
    if "://" in entry:
        return _origin(entry) == (target.scheme, host, port)
    if target.scheme != "https" or port != 443 or not _HOST_NAME.fullmatch(host):
        return False
    return host.endswith(entry) if entry.startswith(".") else host == entry


@functools.lru_cache(maxsize=64)
def _origin(entry: str) -> tuple[str, str | None, int | None] | None:
    try:
        parsed = URL(entry)
        return parsed.scheme, parsed.raw_host, parsed.port
    except ValueError:
        return None


class PublicResolver(AbstractResolver):
    """Resolves names by ``inner``, without addresses of private networks.

    An attacker may point a name below an allowed one at 127.0.0.1 or 169.254.169.254 (DNS
    rebinding), so the checked address is the one that is connected to. ``exempt``: the
    (host, port) of origins in the settings; those may be in a private network.
    """

    def __init__(
        self, exempt: Iterable[tuple[str, int]], inner: AbstractResolver | None = None
    ) -> None:
        self._exempt = frozenset(exempt)
        self._inner = inner or DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The public addresses of the name; raises OSError if there is none."""
        found = await self._inner.resolve(host, port, family)
        if (host.lower(), port) in self._exempt:
            return found
        public = [result for result in found if is_public(result["host"])]
        if not public:
            log.warning("address_refused", host=host[:100])
            raise OSError(None, "the name leads into a private network")
        return public

    async def close(self) -> None:
        """Close ``inner``."""
        await self._inner.close()


class OutboundClient:
    """POSTs to allow-listed URLs: byte for byte, once, never redirected, without cookies.

    Connections are not reused, but for calls that may be repeated, and for URLs that take one POST.
    A reused one may be dead at the next POST, which looks the same as a lost response; with a new
    one, a failure before sending is recognizable.

    ``entries``: the allow-lists in use; their origins may be in a private network. ``resolver``
    replaces the system's. An async context manager: open inside its context.
    """

    def __init__(
        self, entries: Iterable[str] = (), resolver: AbstractResolver | None = None
    ) -> None:
        origins = (_origin(entry.strip().lower()) for entry in entries if "://" in entry)
        self._exempt = [(host, port) for _, host, port in filter(None, origins) if host and port]
        self._resolver = resolver
        self._session: ClientSession | None = None
        self._kept: ClientSession | None = None
        # Tells of a reused connection. A pool of its own: slow servers hold up their own calls.
        self._told: ClientSession | None = None

    async def __aenter__(self) -> Self:
        resolver = PublicResolver(self._exempt, self._resolver)
        once = TCPConnector(force_close=True, resolver=resolver)
        self._session = ClientSession(connector=once, cookie_jar=DummyCookieJar())
        self._kept = ClientSession(connector=_keeping(resolver), cookie_jar=DummyCookieJar())
        self._told = ClientSession(
            connector=_keeping(resolver),
            cookie_jar=DummyCookieJar(),
            trace_configs=[telling_of_reuse()],
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        for session in (self._session, self._told, self._kept):
            if session is not None:
                await session.close()

    async def post_json(
        self,
        url: object,
        document: dict[str, Any],
        *,
        hosts: Iterable[str],
        judge: Judge,
        limits: ClientTimeout = TIMEOUT,
        headers: Mapping[str, str] | None = None,
    ) -> DeliveryResult:
        """POST ``document`` once; ``judge`` reads the response."""
        return await self.post(
            url, encode_json(document), hosts=hosts, judge=judge, limits=limits, headers=headers
        )

    async def post(
        self,
        url: object,
        body: bytes,
        *,
        hosts: Iterable[str],
        judge: Judge,
        limits: ClientTimeout = TIMEOUT,
        headers: Mapping[str, str] | None = None,
    ) -> DeliveryResult:
        """POST a JSON ``body`` once, by ``exchange``; ``judge`` reads the response."""
        reply = await self.exchange(url, body, hosts=hosts, limits=limits, headers=headers)
        if isinstance(reply, NoReply):
            return DeliveryResult(outcome=reply.outcome, detail=reply.detail)
        return judge(reply)

    async def post_json_to_single_use(
        self, url: object, document: dict[str, Any], *, hosts: Iterable[str], judge: Judge
    ) -> DeliveryResult:
        """POST ``document`` to a URL that takes one POST; ``judge`` reads the response.

        Over a connection that is kept. Where it was dead, the POST goes out once more over a new
        one; what is refused or not sent then may have been shown by the first: UNCONFIRMED.
        """
        body = encode_json(document)
        options = {"data": body, "headers": _HEADERS, "timeout": TIMEOUT}
        began = time.monotonic()
        reply = await _call(self._told, "POST", url, hosts, MAX_REPLY_BYTES, options)
        if isinstance(reply, Reply):
            return judge(reply)
        if not reply.is_stale or time.monotonic() - began > STALE_S:
            return DeliveryResult(outcome=reply.outcome, detail=reply.detail)
        again = await self.exchange(url, body, hosts=hosts)
        if isinstance(again, NoReply):
            return DeliveryResult(outcome=Outcome.UNCONFIRMED, detail=again.detail)
        result = judge(again)
        if result.outcome is not Outcome.REFUSED:
            return result
        detail = f"{result.detail} after a lost connection"
        return DeliveryResult(outcome=Outcome.UNCONFIRMED, detail=detail)

    async def exchange(
        self,
        url: object,
        body: bytes,
        *,
        hosts: Iterable[str],
        limits: ClientTimeout = TIMEOUT,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = MAX_REPLY_BYTES,
        keep_alive: bool = False,
    ) -> Reply | NoReply:
        """POST a JSON ``body`` once; ``headers`` are added to its own.

        ``keep_alive``: over a connection that may be reused, for calls that may be repeated.
        ``max_bytes`` 0: the body is not waited for.

        Network errors are never raised: certainly not sent is RETRY, possibly arrived is
        UNCONFIRMED, a URL that is not allowed is REFUSED.
        """
        session = self._kept if keep_alive else self._session
        options = {"data": body, "headers": {**_HEADERS, **(headers or {})}, "timeout": limits}
        return await _call(session, "POST", url, hosts, max_bytes, options)

    async def get(
        self,
        url: object,
        *,
        hosts: Iterable[str],
        limits: ClientTimeout,
        max_bytes: int,
        headers: Mapping[str, str] | None = None,
    ) -> Reply | NoReply:
        """GET the URL once; the errors are those of ``exchange``."""
        own = {"Accept-Encoding": "identity"}
        options = {"headers": {**own, **(headers or {})}, "timeout": limits}
        return await _call(self._session, "GET", url, hosts, max_bytes, options)


def _keeping(resolver: AbstractResolver) -> TCPConnector:
    return CleanConnector(limit=MAX_KEPT, keepalive_timeout=KEEP_S, resolver=resolver)


async def _call(
    session: ClientSession | None,
    method: str,
    url: object,
    hosts: Iterable[str],
    max_bytes: int,
    options: Mapping[str, Any],
) -> Reply | NoReply:
    if session is None:
        raise RuntimeError("the client is not open")
    if not isinstance(url, str) or not allowed(url, hosts):
        return NoReply(outcome=Outcome.REFUSED, detail="the address is not allowed")
    use = ConnectionUse()
    try:
        async with session.request(
            method, URL(url, encoded=True), allow_redirects=False, trace_request_ctx=use, **options
        ) as response:
            if use.is_again and response.status == HTTPStatus.REQUEST_TIMEOUT:
                return NoReply(outcome=Outcome.UNCONFIRMED, detail=_TIMED_OUT, is_stale=True)
            head = await _head(response, max_bytes)
            return Reply(status=response.status, body=head, headers=response.headers)
    except (ClientConnectorError, ConnectionTimeoutError) as error:
        return NoReply(outcome=Outcome.RETRY, detail=f"not sent: {type(error).__name__}")
    except (ClientError, TimeoutError, OSError) as error:
        detail = f"no answer: {type(error).__name__}"
        # Other errors come of a response that was begun: the connection was alive.
        is_dead = isinstance(error, ClientConnectionError) and not isinstance(error, TimeoutError)
        is_stale = use.is_again and is_dead
        return NoReply(outcome=Outcome.UNCONFIRMED, detail=detail, is_stale=is_stale)


#: What servers say to an idle connection that they close (RFC 9110, 15.5.9): they read no request.
_TIMED_OUT = "no answer: HTTP 408"
_HEADERS = {"Accept-Encoding": "identity", "Content-Type": "application/json; charset=utf-8"}


def encode_json(document: dict[str, Any]) -> bytes:
    """The document as UTF-8 JSON, Hangul unescaped."""
    try:
        return orjson.dumps(document)
    except TypeError:  # a lone surrogate or a huge integer
        return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")


async def _head(response: ClientResponse, max_bytes: int) -> bytes:
    head = bytearray()
    if not max_bytes:
        response.close()
        return b""
    async for chunk in response.content.iter_chunked(8192):
        head += chunk
        if len(head) >= max_bytes:
            response.close()
            break
    return bytes(head[:max_bytes])
