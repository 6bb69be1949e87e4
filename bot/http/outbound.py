"""One POST to an allow-listed URL: byte for byte, never redirected.

A URL that came in with a request is a stranger's word until its host is checked (SSRF), and it
carries a one-shot token that other spellings break: yarl would turn %3D into "=" and %7E into "~".
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import structlog
from aiohttp import (
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

log = structlog.get_logger(__name__)

MAX_URL_CHARS = 2048
#: What is read of an answer; both platforms answer with less than a kilobyte.
MAX_REPLY_BYTES = 64 * 1024
#: Connecting has its own, shorter limit: when it runs out, nothing was sent yet.
TIMEOUT = ClientTimeout(total=8.0, connect=4.0)

# Printable ASCII without the characters that URL parsers read differently, and without fragment.
_PLAIN_URL = re.compile(r"https?://[!$-;=?-\[\]_a-z~]+")
_HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back."""

    status: int
    body: bytes  #: its first bytes, as many as were asked for
    headers: Mapping[str, str]  #: case-insensitive

    @property
    def retry_after_s(self) -> float | None:
        """The header, where it holds seconds."""
        raw = self.headers.get("Retry-After", "")
        return float(raw) if re.fullmatch(r"[0-9]{1,6}", raw) else None

    @property
    def document(self) -> dict[str, Any]:
        """The JSON object in the body; an empty one for anything else, however deep."""
        try:
            document = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return document if isinstance(document, dict) else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class NoReply:
    """Nothing came back, or nothing could be sent."""

    outcome: Outcome  #: RETRY: surely not sent; UNCONFIRMED: it may have arrived; REFUSED
    detail: str


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
    ("http://127.0.0.1:9900"). The first two mean https on its own port.
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


def _origin(entry: str) -> tuple[str, str | None, int | None] | None:
    try:
        parsed = URL(entry)
        return parsed.scheme, parsed.raw_host, parsed.port
    except ValueError:
        return None


class PublicResolver(AbstractResolver):
    """Resolves names as ``inner`` does, without the addresses inside one's own network.

    A name below an allowed one may be made to point at 127.0.0.1 or 169.254.169.254 (DNS
    rebinding). The check is on the very address that is then connected to. ``exempt`` holds the
    (host, port) of the origins that the operator named; those may be anywhere.
    """

    def __init__(
        self, exempt: Iterable[tuple[str, int]], inner: AbstractResolver | None = None
    ) -> None:
        self._exempt = frozenset(exempt)
        self._inner = inner or DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses that may be called; raises OSError where none is left."""
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


def is_public(address: str) -> bool:
    """Whether an IP address is one of the Internet, however it is wrapped in IPv6."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inside = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            inside = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        ip = inside or ip
    return ip.is_global and not ip.is_multicast


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class OutboundClient:
    """POSTs to allow-listed URLs: byte for byte, once, never redirected, without cookies.

    It keeps no connection. A kept one may be dead by the next POST, which looks the same as an
    answer that got lost; with a new one each time, a failure before sending is known to be one.

    ``entries``: the allow-lists that will be used; origins among them may be in a private network.
    ``resolver`` replaces the system's. Open while its context lasts.
    """

    def __init__(
        self, entries: Iterable[str] = (), resolver: AbstractResolver | None = None
    ) -> None:
        origins = (_origin(entry.strip().lower()) for entry in entries if "://" in entry)
        self._exempt = [(host, port) for _, host, port in filter(None, origins) if host and port]
        self._resolver = resolver
        self._session: ClientSession | None = None

    async def __aenter__(self) -> Self:
        resolver = PublicResolver(self._exempt, self._resolver)
        connector = TCPConnector(force_close=True, resolver=resolver)
        self._session = ClientSession(connector=connector, cookie_jar=DummyCookieJar())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

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
        """POST ``document`` once, as ``exchange`` does, and let ``judge`` read the answer."""
        reply = await self.exchange(
            url, encode_json(document), hosts=hosts, limits=limits, headers=headers
        )
        if isinstance(reply, NoReply):
            return DeliveryResult(outcome=reply.outcome, detail=reply.detail)
        return judge(reply)

    async def exchange(
        self,
        url: object,
        body: bytes,
        *,
        hosts: Iterable[str],
        limits: ClientTimeout = TIMEOUT,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = MAX_REPLY_BYTES,
    ) -> Reply | NoReply:
        """POST a JSON ``body`` once; ``headers`` are added to its own.

        Never raises for what the wire does: what surely was not sent is RETRY, what may have
        arrived is UNCONFIRMED, a URL that is not allowed is REFUSED.
        """
        if self._session is None:
            raise RuntimeError("the client is not open")
        if not isinstance(url, str) or not allowed(url, hosts):
            return NoReply(outcome=Outcome.REFUSED, detail="the address is not allowed")
        try:
            async with self._session.post(
                URL(url, encoded=True),
                data=body,
                headers={**_HEADERS, **(headers or {})},
                allow_redirects=False,
                timeout=limits,
            ) as response:
                head = await _head(response, max_bytes)
                return Reply(status=response.status, body=head, headers=response.headers)
        except (ClientConnectorError, ConnectionTimeoutError) as error:
            return NoReply(outcome=Outcome.RETRY, detail=f"not sent: {type(error).__name__}")
        except (ClientError, TimeoutError, OSError) as error:
            detail = f"no answer: {type(error).__name__}"
            return NoReply(outcome=Outcome.UNCONFIRMED, detail=detail)


_HEADERS = {"Accept-Encoding": "identity", "Content-Type": "application/json; charset=utf-8"}


def encode_json(document: dict[str, Any]) -> bytes:
    """The document as it goes on the wire: UTF-8, Hangul as it is."""
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")


async def _head(response: ClientResponse, max_bytes: int) -> bytes:
    head = bytearray()
    async for chunk in response.content.iter_chunked(8192):
        head += chunk
        if len(head) >= max_bytes:
            response.close()
            break
    return bytes(head[:max_bytes])
