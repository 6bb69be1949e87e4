"""People's pictures: fetched once from allowed hosts, checked by content, scaled in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

import structlog
from aiohttp import ClientTimeout

from bot.domain.deliveries import Outcome
from bot.domain.pictures import Picture
from bot.http.outbound import NoReply, OutboundClient, host_of
from bot.http.picture_scaling import PictureError, PictureProblem, scaled_picture

log = structlog.get_logger(__name__)

MAX_PICTURE_BYTES = 10 * 1024 * 1024
#: The picture's address lives for minutes, and the person waits.
TIMEOUT = ClientTimeout(total=8.0, connect=3.0)
#: Pictures in memory at once, and those of them that are unpacked.
MAX_AT_ONCE = 4
MAX_UNPACKED = 2
#: The statuses of an address that was valid before.
_EXPIRED = (401, 403, 404, 410)


class PictureFetcher:
    """Fetches pictures; a few at once, the others wait."""

    def __init__(
        self,
        outbound: OutboundClient,
        hosts: Iterable[str],
        *,
        max_bytes: int = MAX_PICTURE_BYTES,
        limits: ClientTimeout = TIMEOUT,
    ) -> None:
        """``hosts``: the allow-list, as of ``outbound.allowed``."""
        self._outbound = outbound
        self._hosts = tuple(hosts)
        self._max_bytes = max_bytes
        self._limits = limits
        self._free = asyncio.Semaphore(MAX_AT_ONCE)
        # Of its own: a decoding outlives the caller's time-out, and others need the shared ones.
        self._threads = ThreadPoolExecutor(MAX_UNPACKED, thread_name_prefix="picture")

    async def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> Picture:
        """The picture, scaled. Raises PictureError; a line in the log names the host alone.

        ``headers`` go to allowed hosts only.
        """
        try:
            async with self._free:
                content = await self._download(url, headers)
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._threads, scaled_picture, content)
        except PictureError as error:
            log.warning("picture_refused", host=host_of(url), reason=str(error))
            raise

    async def _download(self, url: str, headers: Mapping[str, str] | None) -> bytes:
        # One byte more than allowed tells a picture that is cut from one that fits.
        reply = await self._outbound.get(
            _secure(url),
            hosts=self._hosts,
            limits=self._limits,
            max_bytes=self._max_bytes + 1,
            headers=headers,
        )
        if isinstance(reply, NoReply):
            foreign = reply.outcome is Outcome.REFUSED
            problem = PictureProblem.FOREIGN if foreign else PictureProblem.UNREACHABLE
            raise PictureError(problem, reply.detail)
        if reply.status != 200:
            raise PictureError(_problem(reply.status), f"HTTP {reply.status}")
        if len(reply.body) > self._max_bytes:
            raise PictureError(PictureProblem.TOO_LARGE, f"more than {self._max_bytes} bytes")
        return reply.body


def _problem(status: int) -> PictureProblem:
    if status in _EXPIRED:
        return PictureProblem.EXPIRED
    return PictureProblem.FOREIGN if 300 <= status < 400 else PictureProblem.UNREACHABLE


def _secure(url: str) -> str:
    """The address over TLS: some of Kakao's photos are named without it, and have it."""
    return f"https://{url[7:]}" if url.startswith("http://") and not _has_port(url) else url


def _has_port(url: str) -> bool:
    return ":" in url[7:].partition("/")[0]
