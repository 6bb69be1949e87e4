"""The interface between a messenger's folder and the application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

from aiohttp import web
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admission.forecast import Forecast
from bot.configs.texts import TextsLookup
from bot.conversation.inbox import Inbox
from bot.conversation.live_turns import LiveTurns
from bot.conversation.requests import PersonRequests
from bot.conversation.settlement_waiters import SettlementWaiters
from bot.delivery.sync_window import SyncWindow
from bot.domain.answer_views import AnswerViewer
from bot.domain.bot_config import ConfigLookup
from bot.domain.findings import Finding
from bot.domain.messenger import Messenger
from bot.domain.webhook_probe import WebhookProbe
from bot.http.outbound import OutboundClient
from bot.privacy.erasure import Eraser
from bot.settings import Settings
from bot.simulator.pane import SimulatorPane
from bot.simulator.webhook_client import WebhookClient
from bot.text.catalog import Texts
from bot.workers import WorkerRegistry
from runtime.environment_settings import EnvironmentSettings

#: Runs until it is cancelled, and is started again after an error.
Loop = Callable[[], Awaitable[None]]
#: The longest that an answer may be held: 30 days. Above some centuries there is no such moment.
MAX_HOLD_S = 30 * 86_400.0


class MessengerSettings(EnvironmentSettings):
    """A messenger's own settings; each variable is ``env_prefix`` and the field's name."""

    @classmethod
    def prefix(cls) -> str:
        """The prefix of its variables, such as ``BOT_KAKAO_``."""
        return str(cls.model_config["env_prefix"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts of the bot for a messenger's endpoints."""

    settings: Settings
    texts: Texts  #: the catalogue's
    texts_for: TextsLookup  #: the catalogue's, and what a scope sets in their place
    config_for: ConfigLookup
    database: AsyncEngine
    redis: Redis
    inbox: Inbox
    requests: PersonRequests
    live: LiveTurns
    eraser: Eraser
    waiters: SettlementWaiters
    sync_window: SyncWindow
    forecast: Forecast
    workers: WorkerRegistry
    outbound: OutboundClient


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterServices:
    """The parts of the bot for a messenger's adapter."""

    texts: Texts  #: the catalogue's
    texts_for: TextsLookup  #: the catalogue's, and what a scope sets in their place
    outbound: OutboundClient
    database: AsyncEngine


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedPlatform:
    """The simulator's stand-in for a platform that the bot calls with a token."""

    url_setting: str
    path: str  #: of the simulator, such as /simulator/slack/api/
    token_setting: str
    make_token: Callable[[], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalDefaults:
    """Settings that the one-machine installation (onebox) fills in if they are missing."""

    secrets: Mapping[str, Callable[[], str]]  #: a generator by the setting's name
    origin_lists: tuple[str, ...] = ()  #: allow-lists that get this machine's own origin
    #: Both of its settings are filled in where neither is set and the simulator is on.
    platform: SimulatedPlatform | None = None


class MessengerPlugin(Protocol):
    """One messenger, configured."""

    name: ClassVar[str]  #: the word in paths, settings, tables and metrics
    label: ClassVar[str]  #: its Korean name, for operators
    settings_type: ClassVar[type[MessengerSettings]]
    local_defaults: ClassVar[LocalDefaults]

    @classmethod
    def configured(cls, **values: Any) -> Self:
        """Configure from the environment; ``values`` override it. Raises ValidationError."""

    @property
    def settings(self) -> MessengerSettings:
        """Its block of settings."""

    @property
    def outbound_hosts(self) -> tuple[str, ...]:
        """The allow-lists of its outbound calls."""

    @property
    def max_new_tokens(self) -> int | None:
        """The maximum length of an answer in tokens; None: the preset's."""

    def adapter(self, services: AdapterServices) -> Messenger:
        """The adapter that delivers answers; made before the routes."""

    def viewer(self, texts: Texts, texts_for: TextsLookup, /) -> AnswerViewer:
        """Tells operators what its people see of an answer."""

    def routes(self, services: Services) -> list[web.RouteDef]:
        """Its HTTP endpoints."""

    def loops(self) -> list[Loop]:
        """Its background loops, run while the bot runs; made after the routes."""

    async def close(self) -> None:
        """End what its endpoints have begun in the background."""

    def simulator_pane(self, client: WebhookClient, base_url: Callable[[], str]) -> SimulatorPane:
        """Its pane of the simulator; ``base_url``: the bot's origin, read at each message."""

    def probe(self) -> WebhookProbe | None:
        """A signed help command to its webhook, made now; None while it is off."""

    def checks(self) -> AsyncIterator[Finding]:
        """The doctor's findings on its settings, with calls to the platform where possible."""
