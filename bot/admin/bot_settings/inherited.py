"""What counts in a scope that does not set a key itself, and where that comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bot.configs.keys import TEXT_PREFIX, usable_values
from bot.conversation.prompt import PromptBuilder
from bot.domain.bot_config import Scope
from bot.settings import Settings
from bot.store.bot_configs import StoredConfig
from bot.text.catalog import TEXTS
from inference_queue.presets import DEFAULT_PRESET, PRESETS
from inference_queue.protocol import NO_ADAPTER

#: The settings of a deployment that count where no scope sets a key.
_VARIABLES = {
    "system_prompt": "BOT_SYSTEM_PROMPT",
    "preset": "BOT_PRESET",
    "history_turns": "BOT_HISTORY_TURNS",
    "ai_notice": "BOT_AI_NOTICE",
    "rate_limit_per_minute": "BOT_RATE_LIMIT_PER_MINUTE",
    "max_waiting_turns": "BOT_MAX_WAITING_TURNS",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Inherited:
    """A value that a scope takes over. None: what the messenger or preset has."""

    value: Any
    source: StoredConfig | None = None  #: the wider scope's version
    variable: str = ""  #: the deployment's setting; "" and no source: the program's own


class Deployment:
    """The values that count where no scope sets anything."""

    def __init__(self, settings: Settings, prompts: PromptBuilder) -> None:
        self._settings = settings
        self._prompts = prompts
        self._texts = TEXTS[settings.language]

    def value(self, key: str, messenger: str) -> Inherited:
        """The deployment's value of a key."""
        if key.startswith(TEXT_PREFIX):
            return Inherited(value=getattr(self._texts, key.removeprefix(TEXT_PREFIX), None))
        if key == "system_prompt" and not self._settings.system_prompt:
            name = self._settings.preset
            return Inherited(
                value=PRESETS[DEFAULT_PRESET if name == "auto" else name].system_prompt
            )
        if key == "adapter":
            return Inherited(value=NO_ADAPTER)
        if key == "max_new_tokens":
            return Inherited(value=self._prompts.max_new_tokens(messenger))
        if key in _VARIABLES:
            return Inherited(value=getattr(self._settings, key), variable=_VARIABLES[key])
        return Inherited(value=None)


DEPLOYMENT = web.AppKey("DEPLOYMENT", Deployment)


def inherited_values(
    deployment: Deployment, scope: Scope, rows: list[StoredConfig], keys: Mapping[str, Any]
) -> dict[str, Inherited]:
    """What each key is where the scope itself does not set it; ``rows``: those of its chain."""
    found = {key: deployment.value(key, scope.messenger) for key in keys}
    for row in rows:
        if row.scope != scope:
            usable = usable_values(row.values)[0]
            found |= {key: Inherited(value=value, source=row) for key, value in usable.items()}
    return found
