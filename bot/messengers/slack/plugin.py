"""Slack: its entry for the registry."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any, ClassVar, Self

from aiohttp import web

from bot.configs.texts import TextsLookup
from bot.domain.findings import Finding
from bot.domain.webhook_probe import WebhookProbe
from bot.messengers.plugin import (
    AdapterServices,
    LocalDefaults,
    Loop,
    MessengerSettings,
    Services,
    SimulatedPlatform,
)
from bot.messengers.slack.adapter import SlackAdapter
from bot.messengers.slack.answer_view import SlackViewer
from bot.messengers.slack.checks import check_slack
from bot.messengers.slack.commands import CommandReceiver
from bot.messengers.slack.endpoint import SlackEndpoint
from bot.messengers.slack.installing.socket_mode import SocketModeReceiver
from bot.messengers.slack.installing.socket_requests import socket_requests
from bot.messengers.slack.parts import SlackParts
from bot.messengers.slack.probe import help_probe
from bot.messengers.slack.settings import SlackSettings
from bot.messengers.slack.simulator_pane import API_PATH, SlackPane
from bot.simulator.webhook_client import WebhookClient
from bot.text.catalog import Texts


class SlackPlugin:
    """Slack, one workspace or many."""

    name: ClassVar[str] = "slack"
    label: ClassVar[str] = "Slack"
    settings_type: ClassVar[type[MessengerSettings]] = SlackSettings
    local_defaults: ClassVar[LocalDefaults] = LocalDefaults(
        secrets={"signing_secret": lambda: secrets.token_hex(32)},
        origin_lists=("response_hosts",),
        platform=SimulatedPlatform(
            url_setting="api_url",
            path=API_PATH,
            token_setting="bot_token",  # noqa: S106 - the name, not the token
            make_token=lambda: f"xoxb-simulated-{secrets.token_hex(24)}",
        ),
    )

    _parts: SlackParts
    _endpoint: SlackEndpoint

    def __init__(self, settings: SlackSettings) -> None:
        self.settings = settings

    @classmethod
    def configured(cls, **values: Any) -> Self:
        """Configure from the environment; ``values`` override it. Raises ValidationError."""
        return cls(SlackSettings(**values))

    @property
    def outbound_hosts(self) -> tuple[str, ...]:
        """The hosts of response URLs and of people's pictures, and Slack's Web API."""
        settings = self.settings
        return (*settings.response_hosts, *settings.picture_hosts, settings.api_url)

    @property
    def max_new_tokens(self) -> int | None:
        """None: the preset's maximum; a message holds 12,000 characters."""
        return None

    def adapter(self, services: AdapterServices) -> SlackAdapter:
        """Posts answers by Web API or to response URLs."""
        self._parts = SlackParts(self.settings, services)
        return self._parts.adapter

    def viewer(self, texts: Texts, _texts_for: TextsLookup) -> SlackViewer:
        """Messages, in the catalogue's texts."""
        return SlackViewer(self.settings, texts)

    def routes(self, services: Services) -> list[web.RouteDef]:
        """Commands, events, interactivity, and the pages of an installation."""
        self._endpoint = SlackEndpoint(
            self.settings,
            CommandReceiver(services, self.settings).receive,
            self._parts.listeners(services),
            max_chars=services.settings.max_utterance_chars,
        )
        paths = ("commands", "events", "interactivity")
        posts = [web.post(f"/webhooks/slack/{path}", self._endpoint.handle) for path in paths]
        return posts + self._parts.workspaces.routes()

    def loops(self) -> list[Loop]:
        """The upkeep of installations, and Socket Mode where it is set up."""
        loops: list[Loop] = []
        if self.settings.keeps_installations:
            loops.append(self._parts.workspaces.keep_house)
        if self.settings.listens_by_socket:
            receive = socket_requests(self._endpoint)
            loops.append(SocketModeReceiver(self.settings, receive).keep_receiving)
        return loops

    async def close(self) -> None:
        """Leave what is written live to the deliveries, and wait for the sentences."""
        await self._parts.close()

    def simulator_pane(self, client: WebhookClient, base_url: Callable[[], str]) -> SlackPane:
        """A chat as the app shows it."""
        secret = self.settings.signing_secret.get_secret_value()
        return SlackPane(
            client,
            signing_secret=secret,
            base_url=base_url,
            api_url=self.settings.api_url,
            token=self.settings.bot_token.get_secret_value(),
        )

    def probe(self) -> WebhookProbe | None:
        """The slash command with "help"."""
        return help_probe(self.settings)

    def checks(self) -> AsyncIterator[Finding]:
        """The findings on the settings and on the token's scopes."""
        return check_slack(self.settings)
