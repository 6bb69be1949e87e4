"""What a messenger brings to the simulator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from aiohttp import web

from bot.simulator.webhook_client import WebhookClient


class SimulatorPane(Protocol):
    """One messenger's part of the simulator: its chat on the page and its platform's endpoints."""

    @property
    def name(self) -> str:
        """The messenger's name; also of the pane's POST route."""

    @property
    def assets(self) -> Path:
        """The folder of ``pane.html``, ``pane.css`` and ``pane.js``."""

    @property
    def missing_setting(self) -> str:
        """The setting without which the pane cannot sign requests; "" where it is set."""

    @property
    def page_context(self) -> Mapping[str, object]:
        """Variables of the pane's template."""

    def routes(self) -> Sequence[web.RouteDef]:
        """``POST /<name>/messages``, named ``name``, and the endpoints of the platform."""


#: Panes are built with the simulator, and their client opens when the application starts.
PaneFactory = Callable[[WebhookClient], SimulatorPane]
