"""The bot's settings in the database: what one scope sets, and what counts after merging."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import NamedTuple

from inference_queue.protocol import NO_ADAPTER


class ThreadRule(StrEnum):
    """In which threads the bot answers without being mentioned."""

    ASKED = "asked"  #: those into which it was asked by a mention
    ALWAYS = "always"
    NEVER = "never"


class Scope(NamedTuple):
    """What a set of settings is for; an empty part means all of them.

    ``tenant`` is a Kakao bot, a Slack workspace or the tenant of an in-house messenger.
    """

    messenger: str = ""
    tenant: str = ""
    room: str = ""

    @property
    def chain(self) -> tuple[Scope, ...]:
        """The scopes that count here: from everything down to this one, each once."""
        wider = (Scope(), Scope(self.messenger), Scope(self.messenger, self.tenant), self)
        return tuple(dict.fromkeys(wider))

    def __str__(self) -> str:
        return "/".join(part for part in self if part) or "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class BotConfig:
    """Settings of a scope. None: a wider scope decides, and at last the environment."""

    system_prompt: str | None = None  #: may hold {date} and {weekday}
    preset: str | None = None  #: a key of PRESETS, or "auto": that of the workers' model
    adapter: str | None = None  #: the name of LoRA weights, or NO_ADAPTER: the model's own
    max_new_tokens: int | None = None  #: in place of the messenger's; the preset's stays a bound
    history_turns: int | None = None  #: earlier turns in a prompt; the environment's stays a bound
    ai_notice: bool | None = None
    thread_rule: ThreadRule | None = None
    rate_limit_per_minute: int | None = None  #: 0: no limit
    max_waiting_turns: int | None = None  #: of a conversation; 0: no bound
    texts: Mapping[str, str] = field(default_factory=dict)  #: sentences of the catalogue, by name

    @property
    def chosen_adapter(self) -> str:
        """The adapter that a job names; "" for none."""
        return "" if self.adapter in (None, NO_ADAPTER) else str(self.adapter)

    def narrowed(self, closer: BotConfig) -> BotConfig:
        """These settings, and in their place those that a closer scope sets."""
        own = {item.name: getattr(closer, item.name) for item in fields(closer)}
        chosen = {name: value for name, value in own.items() if value is not None}
        return replace(self, **{**chosen, "texts": {**self.texts, **closer.texts}})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class EffectiveConfig:
    """The merged settings of a scope.

    ``version`` is the newest among the merged ones. Versions only grow, so a scope and a version
    name the values for good.
    """

    values: BotConfig = BotConfig()
    version: int | None = None  #: None: no scope sets anything


#: The settings that count now, by messenger, tenant and room.
ConfigLookup = Callable[[str, str, str], EffectiveConfig]

_NOTHING_SET = EffectiveConfig()


def nothing_set(_messenger: str, _tenant: str, _room: str) -> EffectiveConfig:
    """The ConfigLookup of a bot whose environment decides everything."""
    return _NOTHING_SET
