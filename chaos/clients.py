"""The clients: everybody who writes through the platforms and reads what comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from chaos.generic_clients import GenericClients
from chaos.journal import Journal
from chaos.kakao_clients import KakaoClients
from chaos.platforms import Platforms
from chaos.rooms import Rooms
from chaos.slack_clients import SlackClients

_POLL_S = 0.05

T = TypeVar("T")


class Feed(Generic[T]):
    """What one route of a platform got, read in its order."""

    def __init__(self, posts: Sequence[T], read: Callable[[T], None]) -> None:
        self._posts = posts
        self._read = read
        self._count = 0

    def read_new(self) -> None:
        """Read what came since the last call."""
        for post in self._posts[self._count :]:
            self._count += 1
            self._read(post)


class ClientPool:
    """All clients, and the reader of everything that the bots post to the platforms."""

    def __init__(
        self,
        journal: Journal,
        on_kakao: KakaoClients,
        on_slack: SlackClients,
        on_generic: GenericClients,
        in_rooms: Rooms,
    ) -> None:
        self.longest_pause_s = 0.0  #: of the driver, between two looks at the platforms
        self._journal = journal
        self._on_kakao = on_kakao
        self._on_slack = on_slack
        self._on_generic = on_generic
        self._in_rooms = in_rooms
        self._writers = {
            "k": on_kakao.write,
            "s": on_slack.write,
            "g": on_generic.write,
            **dict.fromkeys("dc", in_rooms.people.write),
        }

    async def write(self, conversation: str, times: list[float]) -> None:
        """Send a conversation's messages in order, none before its time."""
        write = self._writers[conversation[0]]
        for number, at in enumerate(times, start=1):
            await asyncio.sleep(at - time.monotonic())
            await write(self._journal.sent(conversation, number))

    async def watch(self, platforms: Platforms) -> None:
        """Read everything that is posted to the platforms, until cancelled."""
        feeds = (
            Feed(platforms.kakao.posts, self._on_kakao.read_callback),
            Feed(platforms.slack.posts, self._on_slack.read_post),
            Feed(platforms.slack.messages, self._on_slack.read_message),
            Feed(platforms.slack.readings, self._on_slack.read_lookup),
            Feed(platforms.generic.posts, self._on_generic.read_callback),
        )
        while True:
            for feed in feeds:
                feed.read_new()
            slept_at = time.monotonic()
            await asyncio.sleep(_POLL_S)
            self.longest_pause_s = max(self.longest_pause_s, time.monotonic() - slept_at)

    async def finish_deeds(self) -> None:
        """Wait until all stops and votes that were begun are done."""
        await self._on_kakao.deeds.wait()
        await self._in_rooms.finish_deeds()

    async def close(self) -> None:
        """Stop pressing buttons and asking for results."""
        await self._on_kakao.close()
        await self._on_generic.close()
        await self._in_rooms.close()
