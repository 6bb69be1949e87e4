"""Slack's side of events and presses: what it sends again, and what it gives up."""

from __future__ import annotations

import asyncio
from typing import Any

from bot.messengers.slack.platform_limits import ACK_TIMEOUT_S
from bot.messengers.slack.simulated_events import retry_headers, signed_json
from bot.messengers.slack.simulated_interactions import signed_interaction
from chaos.bot_client import BotClient
from chaos.cluster import SLACK_SECRET

EVENTS, INTERACTIVITY = "/webhooks/slack/events", "/webhooks/slack/interactivity"
#: Before each of Slack's repetitions. Slack's own are at once, a minute and five minutes later.
RETRY_PAUSES_S = (0.1, 1.0, 3.0)


class SlackSender:
    """Sends what people did to the bots, as Slack does."""

    def __init__(self, bots: BotClient) -> None:
        self._bots = bots

    async def send_events(self, bodies: list[dict[str, Any]]) -> bool:
        """Send the events of one deed; whether any was acknowledged.

        Each goes to a bot of its own, some twice at once, and again without an acknowledgement.
        """
        copies = [body for body in bodies for _ in range(self._bots.draw_deliveries())]
        return any(await asyncio.gather(*(self._send(body) for body in copies)))

    async def press(self, payload: dict[str, Any]) -> tuple[int, Any]:
        """Send a press or a form once, as Slack does; the person sees where it failed."""
        raw, headers = signed_interaction(SLACK_SECRET, payload)
        return await self._bots.post(INTERACTIVITY, raw, headers, ACK_TIMEOUT_S)

    async def _send(self, body: dict[str, Any]) -> bool:
        if await self._send_once(body, {}):
            return True
        for number, pause_s in enumerate(RETRY_PAUSES_S, start=1):
            await asyncio.sleep(pause_s)
            if await self._send_once(body, retry_headers(number)):
                return True
        return False

    async def _send_once(self, body: dict[str, Any], headers: dict[str, str]) -> bool:
        raw, signed = signed_json(SLACK_SECRET, body)
        status, _ = await self._bots.post(EVENTS, raw, signed | headers, ACK_TIMEOUT_S)
        return status == 200
