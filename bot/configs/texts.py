"""The bot's own sentences by scope."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any
from weakref import WeakKeyDictionary

from bot.domain.bot_config import ConfigLookup, EffectiveConfig, nothing_set
from bot.text.catalog import Texts

_CATALOGUE = frozenset(item.name for item in fields(Texts))
#: The sentences by messenger, tenant and room.
TextsLookup = Callable[[str, str, str], Texts]


class ScopedTexts:
    """The catalogue's sentences, and in their place those that a scope sets."""

    def __init__(self, texts: Texts, config_for: ConfigLookup = nothing_set) -> None:
        self._config_for = config_for
        self._texts = texts
        #: As many as the reader keeps merged settings, and no longer than they live.
        self._merged: WeakKeyDictionary[EffectiveConfig, Texts] = WeakKeyDictionary()

    def for_scope(self, messenger: str, tenant: str, room: str) -> Texts:
        """The sentences there; where nothing is set, the catalogue's own object."""
        config = self._config_for(messenger, tenant, room)
        if not config.values.texts:
            return self._texts
        if config not in self._merged:
            chosen = config.values.texts.items()
            own: dict[str, Any] = {name: words for name, words in chosen if name in _CATALOGUE}
            self._merged[config] = replace(self._texts, **own)
        return self._merged[config]
