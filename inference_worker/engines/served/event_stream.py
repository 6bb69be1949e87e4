"""A streaming request to an inference server, over connections that all answers share.

aiohttp reads HTTP in C: a stream of the hub's client costs 1.9 ms of CPU, this one 0.4. What goes
wrong is raised as httpx2 names it, whichever library spoke.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx2
import orjson
from huggingface_hub.errors import OverloadedError, TextGenerationError, ValidationError

from inference_worker.engines.served.discovery import tls
from inference_worker.engines.served.event_lines import DONE, events
from runtime.connection_reuse import CleanConnector, ConnectionUse, telling_of_reuse

#: Servers keep a quiet connection for five seconds or longer (uvicorn's default): it is not used
#: any more when one of them may be about to close it.
KEPT_S = 3.0
#: The end of a response follows its last event at once.
END_S = 0.1
#: A longer refusal is cut, and tells nothing. Some repeat the whole request.
MAX_REFUSAL_BYTES = 4_000_000
#: A larger request is sent in pieces.
MAX_PIECE_BYTES = 2**16

Json = dict[str, Any]


class EventStreams:
    """The connections of one engine, opened with the first request, and never again once closed."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._is_closed = False
        self._proxies: dict[str, str | None] = {}  # by the URL of a route

    async def open(
        self, url: str, body: Json, *, headers: Mapping[str, str], connect_timeout_s: float
    ) -> AsyncGenerator[Json, None]:
        """Post the body; the answer's events. Raises errors.CALL_ERRORS, here and while read.

        Closing the generator before its end closes the connection, which stops the server.
        """
        with _named_by_httpx2():
            response = await self._post(
                url,
                orjson.dumps(body),
                headers={"content-type": "application/json", **_beside_credentials(url, headers)},
                allow_redirects=False,
                # Silence is timed by the caller: keep-alive comments must not count as an answer.
                timeout=_timeout(connect_timeout_s),
                proxy=self._proxy_for(url),
            )
            if response.status >= 300:
                async with response:
                    raise await _refusal(response)
        return _events(response)

    async def close(self) -> None:
        """Close the connections. A request that comes later fails as on a dead connection."""
        self._is_closed = True
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(self, url: str, body: bytes, **request: Any) -> aiohttp.ClientResponse:
        """The response; over another connection where the server had closed a kept one."""
        session, closed = self._connected(), None
        while True:
            use = ConnectionUse()
            try:
                # A file is sent in pieces: pictures are large.
                data = body if len(body) <= MAX_PIECE_BYTES else io.BytesIO(body)
                return await session.post(url, data=data, trace_request_ctx=use, **request)
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
                # A server that died of a request must not pass for one that was never there.
                raise closed or error from None
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                if session.closed or not use.is_again:
                    raise
                closed = error

    def _proxy_for(self, url: str) -> str | None:
        """Read once: the environment stays as it is, and has a hundred variables."""
        if url not in self._proxies:
            self._proxies[url] = _proxy_for(url)
        return self._proxies[url]

    def _connected(self) -> aiohttp.ClientSession:
        if self._is_closed:
            raise aiohttp.ClientConnectionError("closed")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=CleanConnector(limit=0, keepalive_timeout=KEPT_S, ssl=tls()),
                cookie_jar=aiohttp.DummyCookieJar(),
                trace_configs=[telling_of_reuse()],
            )
        return self._session


@functools.lru_cache(maxsize=8)
def _timeout(connect_timeout_s: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=connect_timeout_s)


def _beside_credentials(url: str, headers: Mapping[str, str]) -> Mapping[str, str]:
    """Without the key where the URL carries a login: both are one header, and the URL's counts."""
    if urlsplit(url).username is None:
        return headers
    return {name: value for name, value in headers.items() if name != "authorization"}


def _proxy_for(url: str) -> str | None:
    """The environment's proxy. aiohttp would take logins from ~/.netrc with it."""
    parts, proxies = urlsplit(url), getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(parts.hostname or ""):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


async def _events(response: aiohttp.ClientResponse) -> AsyncGenerator[Json, None]:
    with contextlib.closing(response), _named_by_httpx2():
        chunks = response.content.iter_any()
        async with aclosing(events(chunks)) as found:
            async for event in found:
                if event == DONE:
                    break
                if (error := event.get("error")) is not None:
                    raise _error_of(error, event.get("error_type"))
                yield event
        with contextlib.suppress(TimeoutError, aiohttp.ClientError):  # the answer is whole
            async with asyncio.timeout(END_S):  # a response that was read to its end is free again
                async for _ in chunks:
                    pass


def _error_of(error: Any, kind: object) -> TextGenerationError:
    """An error event by TGI's types, as the hub's client raises it."""
    if kind == "overloaded":
        return OverloadedError(error)
    return ValidationError(error) if kind == "validation" else TextGenerationError(error)


async def _refusal(response: aiohttp.ClientResponse) -> httpx2.HTTPStatusError:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) >= MAX_REFUSAL_BYTES:
            break
    request = httpx2.Request(response.method, str(response.url))
    read = httpx2.Response(response.status, content=bytes(body), request=request)
    return httpx2.HTTPStatusError(f"HTTP {response.status}", request=request, response=read)


@contextlib.contextmanager
def _named_by_httpx2() -> Iterator[None]:
    try:
        yield
    except aiohttp.ConnectionTimeoutError as error:
        raise httpx2.ConnectTimeout(type(error).__name__) from error
    except aiohttp.ClientConnectorError as error:
        raise httpx2.ConnectError(type(error).__name__) from error
    except aiohttp.InvalidURL as error:
        raise httpx2.UnsupportedProtocol(type(error).__name__) from error
    except aiohttp.ClientError as error:
        raise httpx2.RemoteProtocolError(type(error).__name__) from error
