"""Everything that is set: the bot's own settings, and each messenger's block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pydantic_settings import BaseSettings

from bot.messengers.plugin import MessengerPlugin
from bot.messengers.registry import MESSENGERS
from bot.settings import Settings
from runtime.settings_errors import SETTINGS_ERRORS, settings_errors

BOT_PREFIX = "BOT_"

Block = TypeVar("Block")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What one bot is made of."""

    settings: Settings
    messengers: tuple[MessengerPlugin, ...]

    @property
    def messenger_labels(self) -> dict[str, str]:
        """The Korean name of each messenger, by its name in the tables."""
        return {messenger.name: messenger.label for messenger in self.messengers}

    @property
    def max_new_tokens(self) -> dict[str, int]:
        """The maximum length of answers in tokens, by the names of the messengers that have one."""
        return {
            messenger.name: messenger.max_new_tokens
            for messenger in self.messengers
            if messenger.max_new_tokens is not None
        }


class ConfigurationError(Exception):
    """Some values are wrong; ``lines`` names each variable and says why."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


def read_configuration() -> Configuration:
    """As the environment and the .env file say. Raises ConfigurationError."""
    wrong: list[str] = []
    settings = _read(Settings, Settings, BOT_PREFIX, wrong)
    read = [
        _read(kind.configured, kind.settings_type, kind.settings_type.prefix(), wrong)
        for kind in MESSENGERS
    ]
    messengers = tuple(messenger for messenger in read if messenger is not None)
    if settings is None or wrong:
        raise ConfigurationError(wrong)
    return Configuration(settings=settings, messengers=messengers)


def _read(
    make: Callable[[], Block], block: type[BaseSettings], prefix: str, wrong: list[str]
) -> Block | None:
    try:
        return make()
    except SETTINGS_ERRORS as error:
        # What is wrong with the file is wrong for every block.
        wrong += [line for line in settings_errors(error, block, prefix) if line not in wrong]
        return None


def settings_blocks() -> dict[str, type[BaseSettings]]:
    """Each block of settings by the prefix of its variables."""
    blocks: dict[str, type[BaseSettings]] = {BOT_PREFIX: Settings}
    return blocks | {kind.settings_type.prefix(): kind.settings_type for kind in MESSENGERS}


def variable_names() -> set[str]:
    """Every environment variable that the bot reads."""
    return {
        prefix + name.upper()
        for prefix, block in settings_blocks().items()
        for name in block.model_fields
    }
