"""The clients: everybody who writes through the platforms and reads what comes back."""

from __future__ import annotations

import asyncio
import time

from chaos.journal import Journal
from chaos.kakao_clients import KakaoClients
from chaos.slack_clients import SlackClients
from fakes.kakao import KakaoPlatform
from fakes.slack import SlackPlatform

_POLL_S = 0.05


class ClientPool:
    """All clients, and the reader of everything that the bots post to the platforms."""

    def __init__(self, journal: Journal, on_kakao: KakaoClients, on_slack: SlackClients) -> None:
        self.longest_pause_s = 0.0  #: of the driver, between two looks at the platforms
        self._journal = journal
        self._on_kakao = on_kakao
        self._on_slack = on_slack

    async def write(self, conversation: str, times: list[float]) -> None:
        """Send a conversation's messages in order, none before its time."""
        write = self._on_kakao.write if conversation.startswith("k") else self._on_slack.write
        for number, at in enumerate(times, start=1):
            await asyncio.sleep(at - time.monotonic())
            await write(self._journal.sent(conversation, number))

    async def watch(self, kakao: KakaoPlatform, slack: SlackPlatform) -> None:
        """Read everything that is posted to the platforms, until cancelled."""
        callbacks = posts = messages = lookups = 0
        while True:
            for callback in kakao.posts[callbacks:]:
                callbacks += 1
                self._on_kakao.read_callback(callback)
            for post in slack.posts[posts:]:
                posts += 1
                self._on_slack.read_post(post)
            for message in slack.messages[messages:]:
                messages += 1
                self._on_slack.read_message(message)
            for reading in slack.readings[lookups:]:
                lookups += 1
                self._on_slack.read_lookup(reading)
            slept_at = time.monotonic()
            await asyncio.sleep(_POLL_S)
            self.longest_pause_s = max(self.longest_pause_s, time.monotonic() - slept_at)

    async def close(self) -> None:
        """Stop pressing buttons."""
        await self._on_kakao.close()
