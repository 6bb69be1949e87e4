"""The stand-ins of the messengers, together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bot.messengers.slack.simulated_workspace.records import BOT_SCOPES
from chaos.cluster import GENERIC_SECRET, SLACK_TOKENS
from chaos.slack_clients import channels_with_the_bot
from fakes.faults import Faults
from fakes.generic import InHouseMessenger, in_house_messenger
from fakes.kakao import KakaoPlatform, kakao_platform
from fakes.kakao_pictures import PictureHost, picture_host
from fakes.slack import SlackPlatform, slack_platform
from fakes.slack_files import SlackFiles, slack_files

#: Of Slack's Web API, beside chat.postMessage and conversations.history.
FAILING_METHODS = (
    "agents.sessions.setStatus",
    "assistant.threads.setStatus",
    "chat.appendStream",
    "chat.postEphemeral",
    "chat.startStream",
    "chat.stopStream",
    "chat.update",
    "conversations.replies",
    "users.info",
    "views.open",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Platforms:
    """Each on a port of its own."""

    kakao: KakaoPlatform
    slack: SlackPlatform
    generic: InHouseMessenger
    photos: PictureHost
    files: SlackFiles

    @property
    def faults(self) -> tuple[Faults, ...]:
        """The faults of everything that the bots call."""
        for method in FAILING_METHODS:
            _ = self.slack.web_api.faults[method]
        return (self.kakao.faults, *self.slack.web_api.faults.values(), self.generic.faults)

    def stop_faults(self) -> None:
        """From now on the platforms do not fail."""
        for faults in self.faults:
            faults.forget()


@asynccontextmanager
async def running_platforms() -> AsyncIterator[Platforms]:
    """Start them all; the bot is in three of four of Slack's channels."""
    async with (
        kakao_platform() as kakao,
        slack_platform() as slack,
        in_house_messenger(GENERIC_SECRET) as generic,
        picture_host() as photos,
        slack_files(*SLACK_TOKENS) as files,
    ):
        slack.channels.join(*channels_with_the_bot())
        slack.channels.scopes |= BOT_SCOPES
        yield Platforms(kakao=kakao, slack=slack, generic=generic, photos=photos, files=files)
