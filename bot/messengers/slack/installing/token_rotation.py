"""Tokens that expire: renewed two hours before their end, by one process among all bots.

A refresh token is good for one call. Slack lets the previous token live until its end, so whoever
does not get the lock goes on with it.
"""

from __future__ import annotations

import asyncio
import time

import structlog
from aiohttp import ClientError
from slack_sdk.errors import SlackTokenRotationError
from slack_sdk.oauth.installation_store import Bot
from slack_sdk.oauth.token_rotation.async_rotator import AsyncTokenRotator
from slack_sdk.web.async_client import AsyncWebClient

from bot.messengers.slack.installing.sdk_client import slack_code
from bot.store.installations import Installations

log = structlog.get_logger(__name__)

#: Renewed so long before the end, in minutes; slack_sdk's own default.
RENEW_BEFORE_MIN = 120
#: The pause after a renewal that failed, in seconds.
PAUSE_S = 60.0
#: Renewals at once: each holds a connection to Postgres while Slack is called.
MAX_AT_ONCE = 2
MAX_PAUSES = 10_000


class TokenRotation:
    """Renews the tokens of installations."""

    def __init__(
        self, installations: Installations, client: AsyncWebClient, client_secret: str
    ) -> None:
        self._installations = installations
        self._rotator = AsyncTokenRotator(
            client_id=installations.client_id, client_secret=client_secret, client=client
        )
        self._slots = asyncio.Semaphore(MAX_AT_ONCE)
        self._paused: dict[str, float] = {}  #: until when, by place

    async def renewed(self, bot: Bot) -> Bot:
        """The installation with a token that lives on; unchanged where it cannot be renewed now.

        Raises DATABASE_ERRORS, UnreadableSecretError.
        """
        place = f"{bot.enterprise_id or ''}/{bot.team_id or ''}"
        if not is_due(bot) or self._paused.get(place, 0.0) > time.monotonic():
            return bot
        async with (
            self._slots,
            self._installations.rotation_lock(place, wait=is_expired(bot)) as alone,
        ):
            return await self._renew(bot, place) if alone else bot

    async def _renew(self, bot: Bot, place: str) -> Bot:
        """Renew under the lock what no other process has renewed meanwhile."""
        now = await self._installations.async_find_bot(
            enterprise_id=bot.enterprise_id,
            team_id=bot.team_id,
            is_enterprise_install=bot.is_enterprise_install,
        )
        if now is None or not is_due(now):
            return now or bot
        if (renewed := await self._ask_slack(now, place)) is None:
            self._pause(place)
            return now
        if not await self._installations.replace_token(renewed):
            return now
        log.info("slack_token_renewed", place=place)
        return renewed

    async def _ask_slack(self, bot: Bot, place: str) -> Bot | None:
        """Use the refresh token; None where Slack does not renew it."""
        try:
            return await self._rotator.perform_bot_token_rotation(
                bot=bot, minutes_before_expiration=RENEW_BEFORE_MIN
            )
        except SlackTokenRotationError as error:
            code = slack_code(error.api_error)
            log.error("slack_token_not_renewed", place=place, code=code)
        except (ClientError, TimeoutError, OSError) as error:
            log.warning("slack_token_not_renewed", place=place, code=type(error).__name__)
        return None

    def _pause(self, place: str) -> None:
        """Leave Slack alone for a while: a refusal does not change within seconds."""
        if len(self._paused) >= MAX_PAUSES:
            del self._paused[next(iter(self._paused))]
        self._paused[place] = time.monotonic() + PAUSE_S


def is_due(bot: Bot) -> bool:
    """Whether the token ends within ``RENEW_BEFORE_MIN``."""
    expires_at = bot.bot_token_expires_at
    return expires_at is not None and expires_at <= time.time() + RENEW_BEFORE_MIN * 60


def is_expired(bot: Bot) -> bool:
    """Whether the token has ended, or ends during the next call."""
    expires_at = bot.bot_token_expires_at
    return expires_at is not None and expires_at <= time.time() + 30
