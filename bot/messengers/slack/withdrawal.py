"""Messages that are taken back: those begun for a turn that was erased meanwhile."""

from __future__ import annotations

import structlog

from bot.messengers.slack.api import SlackApi
from bot.messengers.slack.web_api import Room

log = structlog.get_logger(__name__)

_GONE = frozenset({"message_not_found", "channel_not_found"})


class Withdrawal:
    """Deletes messages of the bot."""

    def __init__(self, api: SlackApi) -> None:
        self._api = api

    async def withdraw(self, room: Room, ts: str) -> None:
        """Delete the message, within a minute; a stream has to end before it."""
        place = {"channel": room.channel, "ts": ts}
        result = await self._api.call_until_clear("chat.delete", place, team=room.team)
        if result.error == "streaming_state_conflict":
            await self._api.call_until_clear("chat.stopStream", place, team=room.team)
            result = await self._api.call_until_clear("chat.delete", place, team=room.team)
        if not result.ok and result.error not in _GONE:
            log.warning("slack_message_not_withdrawn", detail=result.detail)
