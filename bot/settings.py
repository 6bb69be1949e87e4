"""The bot's own settings, read once from the environment (or a .env file) and then frozen.

A messenger's settings are in its folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode, SettingsConfigDict

from inference_queue.presets import PRESETS
from runtime.environment_settings import EnvironmentSettings, Folder


def _comma_separated(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _known_preset(name: str) -> str:
    if name != "auto" and name not in PRESETS:
        raise ValueError(f"unknown preset {name!r}; known are auto, {', '.join(PRESETS)}")
    return name


def _known_zone(name: str) -> str:
    # Korean time needs no data: prompt_date.py knows it.
    if name != "Asia/Seoul" and name not in available_timezones():
        raise ValueError(f"unknown time zone {name!r}; an IANA name such as Asia/Seoul is expected")
    return name


#: A list in one variable, with commas between.
CommaSeparated = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_comma_separated)]


#: The upper bound of every count: Postgres' numbers end somewhere.
MAX_COUNT = 1_000_000


class Settings(EnvironmentSettings):
    """The bot's settings; each field is the environment variable ``BOT_<NAME>``."""

    model_config = SettingsConfigDict(env_prefix="BOT_")

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    database_url: SecretStr = SecretStr("")
    redis_url: SecretStr = SecretStr("")
    data_dir: Folder = Path("data")
    simulator: bool = False
    language: Literal["ko", "en"] = "ko"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    admin_user: str = "admin"
    #: Plain, or an argon2 hash; empty: there is no dashboard.
    admin_password: SecretStr = SecretStr("")
    #: The dashboard is reached only through a proxy that sets X-Forwarded-For and -Proto itself.
    admin_behind_proxy: bool = False

    #: Where alerts go, each by itself: a Slack room's incoming webhook, any webhook, mail.
    alert_slack_url: SecretStr = SecretStr("")
    alert_webhook_url: SecretStr = SecretStr("")
    alert_mail_to: str = ""
    #: smtp://user:password@host:587 (STARTTLS where offered) or smtps://...:465.
    alert_smtp_url: SecretStr = SecretStr("")

    #: A key of presets.PRESETS, or "auto": the preset of the model the workers announce.
    preset: Annotated[str, AfterValidator(_known_preset)] = "auto"
    #: Replaces the preset's system prompt where set; may hold {date} and {weekday}.
    system_prompt: str = ""
    #: The time zone of those two, an IANA name.
    timezone: Annotated[str, AfterValidator(_known_zone)] = "Asia/Seoul"
    #: Earlier turns that go into a prompt, at most.
    history_turns: int = Field(20, ge=0, le=200)
    max_utterance_chars: int = Field(4000, ge=1, le=20_000)
    #: Messages sent so close to each other are answered together; 0 = each on its own.
    merge_window_s: float = Field(0.0, ge=0, le=10)
    #: Messages a person may send in a minute; 0 = no limit. One a second for a whole minute is
    #: beyond typing, and a burst of pasted messages fits.
    rate_limit_per_minute: int = Field(60, ge=0, le=MAX_COUNT)
    #: People of one messenger and tenant who may wait for the model; 0 = no bound.
    max_waiting: int = Field(1000, ge=0, le=MAX_COUNT)
    #: Turns of a conversation without an answer yet, the one in work included; 0 = no bound.
    max_waiting_turns: int = Field(5, ge=0, le=MAX_COUNT)
    #: Minutes for which the bot is silent after a person asked for a human.
    human_minutes: float = Field(60.0, gt=0, le=43_200)
    #: Tell once per conversation that an AI answers (Korean AI Basic Act).
    ai_notice: bool = True
