"""KakaoTalk: its entry for the registry."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any, ClassVar, Self

from aiohttp import web

from bot.configs.texts import TextsLookup
from bot.domain.findings import Finding
from bot.domain.webhook_probe import WebhookProbe
from bot.messengers.kakao.adapter import KakaoAdapter
from bot.messengers.kakao.answer_view import KakaoViewer
from bot.messengers.kakao.bubbles import style_of
from bot.messengers.kakao.checks import check_settings
from bot.messengers.kakao.endpoint import KakaoEndpoint
from bot.messengers.kakao.probe import help_probe
from bot.messengers.kakao.settings import KakaoSettings
from bot.messengers.kakao.simulator_pane import KakaoPane
from bot.messengers.plugin import AdapterServices, LocalDefaults, Loop, MessengerSettings, Services
from bot.simulator.webhook_client import WebhookClient
from bot.text.catalog import Texts


class KakaoPlugin:
    """KakaoTalk channel chat."""

    name: ClassVar[str] = "kakao"
    label: ClassVar[str] = "카카오톡"
    settings_type: ClassVar[type[MessengerSettings]] = KakaoSettings
    local_defaults: ClassVar[LocalDefaults] = LocalDefaults(
        secrets={"secret": lambda: secrets.token_urlsafe(32)},
        origin_lists=("callback_hosts", "picture_hosts"),
    )

    def __init__(self, settings: KakaoSettings) -> None:
        self.settings = settings

    @classmethod
    def configured(cls, **values: Any) -> Self:
        """Configure from the environment; ``values`` override it. Raises ValidationError."""
        return cls(KakaoSettings(**values))

    @property
    def outbound_hosts(self) -> tuple[str, ...]:
        """The hosts of callback URLs and of people's pictures."""
        return (*self.settings.callback_hosts, *self.settings.picture_hosts)

    @property
    def max_new_tokens(self) -> int | None:
        """The capacity of three bubbles."""
        return self.settings.max_new_tokens

    def adapter(self, services: AdapterServices) -> KakaoAdapter:
        """Posts answers to callback URLs."""
        return KakaoAdapter(self.settings, services.texts_for, services.outbound)

    def viewer(self, _texts: Texts, texts_for: TextsLookup) -> KakaoViewer:
        """Pages of bubbles, with the texts of each bot."""
        return KakaoViewer(texts_for, style_of(self.settings))

    def routes(self, services: Services) -> list[web.RouteDef]:
        """The skill webhook."""
        endpoint = KakaoEndpoint(self.settings, services)
        return [web.post("/webhooks/kakao", endpoint.handle)]

    def loops(self) -> list[Loop]:
        """None."""
        return []

    async def close(self) -> None:
        """Nothing is left in the background."""

    def simulator_pane(self, client: WebhookClient, base_url: Callable[[], str]) -> KakaoPane:
        """A chat as the app shows it."""
        bot_id, secret = self.settings.first_secret
        return KakaoPane(client, secret=secret, bot_id=bot_id, base_url=base_url)

    def probe(self) -> WebhookProbe | None:
        """A typed /도움말."""
        return help_probe(self.settings)

    async def checks(self) -> AsyncIterator[Finding]:
        """The findings on the settings; Kakao has no interface to ask."""
        for finding in check_settings(self.settings):
            yield finding
