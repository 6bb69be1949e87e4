"""The generic webhook: its entry for the registry."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any, ClassVar, Self

from aiohttp import web

from bot.configs.texts import TextsLookup
from bot.domain.findings import Finding
from bot.domain.webhook_probe import WebhookProbe
from bot.messengers.generic.adapter import GenericAdapter
from bot.messengers.generic.answer_view import GenericViewer
from bot.messengers.generic.checks import check_settings
from bot.messengers.generic.endpoint import GenericEndpoint
from bot.messengers.generic.event_stream import EventStreams
from bot.messengers.generic.probe import help_probe
from bot.messengers.generic.result_reader import ResultReader
from bot.messengers.generic.results import EVENTS_PATH, RESULT_PATH
from bot.messengers.generic.settings import GenericSettings
from bot.messengers.generic.simulator_pane import GenericPane
from bot.messengers.plugin import AdapterServices, LocalDefaults, Loop, MessengerSettings, Services
from bot.simulator.webhook_client import WebhookClient
from bot.text.catalog import Texts
from inference_queue.token_stream import TokenStream


class GenericPlugin:
    """Any in-house messenger or web chat that signs its requests."""

    name: ClassVar[str] = "generic"
    label: ClassVar[str] = "사내 메신저"
    settings_type: ClassVar[type[MessengerSettings]] = GenericSettings
    local_defaults: ClassVar[LocalDefaults] = LocalDefaults(
        secrets={"secret": lambda: secrets.token_hex(32)}, origin_lists=("callback_hosts",)
    )

    def __init__(self, settings: GenericSettings) -> None:
        self.settings = settings

    @classmethod
    def configured(cls, **values: Any) -> Self:
        """Configure from the environment; ``values`` override it. Raises ValidationError."""
        return cls(GenericSettings(**values))

    @property
    def outbound_hosts(self) -> tuple[str, ...]:
        """The hosts of callback URLs."""
        return self.settings.callback_hosts

    @property
    def max_new_tokens(self) -> int | None:
        """None: the preset's maximum."""
        return None

    def adapter(self, services: AdapterServices) -> GenericAdapter:
        """Posts signed results to callback URLs."""
        return GenericAdapter(self.settings, services.texts, services.outbound)

    def viewer(self, texts: Texts, _texts_for: TextsLookup) -> GenericViewer:
        """The text of a result."""
        return GenericViewer(texts)

    def routes(self, services: Services) -> list[web.RouteDef]:
        """Messages, results and events."""
        results = ResultReader(self.settings, services)
        streams = EventStreams(self.settings, services, results, TokenStream(services.redis))
        return [
            web.post("/webhooks/generic", GenericEndpoint(self.settings, services, results).handle),
            # No HEAD: it would count as the delivery of an answer that it does not carry.
            web.get(RESULT_PATH, results.handle, allow_head=False),
            web.get(EVENTS_PATH, streams.handle, allow_head=False),
        ]

    def loops(self) -> list[Loop]:
        """None."""
        return []

    async def close(self) -> None:
        """Nothing is left in the background."""

    def simulator_pane(self, client: WebhookClient, base_url: Callable[[], str]) -> GenericPane:
        """A chat that shows the route of each answer."""
        secret = next(iter(self.settings.secrets), b"")
        return GenericPane(client, secret=secret, base_url=base_url)

    def probe(self) -> WebhookProbe | None:
        """The command "help"."""
        return help_probe(self.settings)

    async def checks(self) -> AsyncIterator[Finding]:
        """The findings on the settings."""
        for finding in check_settings(self.settings):
            yield finding
