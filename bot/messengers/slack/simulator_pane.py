"""Slack's pane of the simulator: a channel, the agent's direct message, App Home and modals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from aiohttp import web
from yarl import URL

from bot.messengers.slack.simulator_actions import MENTION, PageAction, SlackActions
from bot.messengers.slack.simulator_api import SimulatedWebApi
from bot.messengers.slack.simulator_commands import PageMessage, SimulatedSlack
from bot.messengers.slack.simulator_deliveries import SlackDeliveries
from bot.messengers.slack.simulator_visitors import Visitors
from bot.simulator.messages import read_bounded, start_exchange
from bot.simulator.webhook_client import MAX_REPLY_BYTES, WebhookClient

#: The path of the Web API that the local run gives to its bot.
API_PATH = "/simulator/slack/api/"


class SlackPane:
    """Slack's pane: a SimulatorPane.

    ``api_url``, ``token``: the bot's own settings. Only where they lead to this simulator does the
    pane show more than slash commands; a bot of a real workspace answers there.
    """

    name = "slack"
    assets = Path(__file__).parent / "simulator"

    def __init__(
        self,
        client: WebhookClient,
        *,
        signing_secret: str,
        base_url: Callable[[], str],
        api_url: str = "",
        token: str = "",
    ) -> None:
        self.missing_setting = "" if signing_secret else "BOT_SLACK_SIGNING_SECRET"
        connected = is_simulated(api_url) and bool(token)
        token = token if connected else ""
        self.page_context: Mapping[str, object] = {
            "slack_connected": connected,
            "slack_mention": MENTION,
        }
        visitors = Visitors(token)
        self._api = SimulatedWebApi(visitors, token)
        self._commands = SimulatedSlack(client, signing_secret, base_url, visitors)
        self._actions = SlackActions(
            visitors,
            SlackDeliveries(client, base_url),
            signing_secret,
            self._commands.new_response_url,
        )

    def routes(self) -> Sequence[web.RouteDef]:
        """The page's messages and deeds, Slack's response_url host, and its Web API."""
        return [
            web.post("/slack/messages", self._send, name=self.name),
            web.post("/slack/actions", self._act),
            web.post("/slack/response/{token}", self._receive_response),
            web.post("/slack/api/{method}", self._api.handle),
        ]

    async def _send(self, request: web.Request) -> web.Response:
        return await start_exchange(request, self, PageMessage, self._commands.send)

    async def _act(self, request: web.Request) -> web.Response:
        return await start_exchange(request, self, PageAction, self._actions.perform)

    async def _receive_response(self, request: web.Request) -> web.Response:
        raw = await read_bounded(request, MAX_REPLY_BYTES)
        status, answer = self._commands.receive_response(request.match_info["token"], raw)
        if status == 200:
            return web.Response(text="ok")
        return web.json_response(answer, status=status)


def is_simulated(api_url: str) -> bool:
    """Whether the bot's Web API is the simulator's own."""
    try:
        return URL(api_url).path == API_PATH
    except ValueError:
        return False
