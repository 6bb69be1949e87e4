"""The bot's own settings, read once from the environment (or a .env file) and then frozen.

A messenger's settings are in its folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from cryptography.fernet import Fernet
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo
from pydantic_settings import NoDecode, SettingsConfigDict

from inference_queue.presets import PRESETS
from runtime.environment_settings import EnvironmentSettings, Folder
from runtime.ip_address import is_loopback


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


def split_keys(keys: SecretStr) -> tuple[str, ...]:
    """The keys of a setting with commas between them."""
    return tuple(key.strip() for key in keys.get_secret_value().split(",") if key.strip())


def _readable_keys(keys: SecretStr) -> SecretStr:
    try:
        for key in split_keys(keys):
            Fernet(key)
    except ValueError:
        raise ValueError(
            "each key is 32 random bytes in URL-safe base64: "
            "`openssl rand -base64 32 | tr '+/' '-_'` makes one"
        ) from None
    return keys


#: Keys that encrypt what is in the database, with commas between: the first encrypts, all decrypt.
SecretKeys = Annotated[SecretStr, AfterValidator(_readable_keys)]


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if url and not (sound and url.rstrip("/") == f"{parts.scheme}://{parts.netloc}"):
        raise ValueError("the bot's public address is expected, such as https://bot.example.com")
    return url.rstrip("/")


def _issuer(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_safe = parts.scheme == "https" or is_loopback(parts.hostname or "")
    except ValueError:
        is_safe = False
    if url and not (is_safe and parts.hostname and not parts.query and not parts.fragment):
        raise ValueError("the issuer's URL is expected, such as https://login.example.com")
    return url


def _complete(issuer: str, info: ValidationInfo) -> str:
    needed = ("admin_public_url", "admin_oidc_client_id", "admin_oidc_client_secret")
    missing = [name for name in (*needed, "admin_oidc_roles") if not info.data.get(name)]
    if issuer and missing:
        raise ValueError(f"it needs {', '.join(f'BOT_{name.upper()}' for name in missing)} too")
    return issuer


#: Of bot.domain.dashboard_users, which stands beside this module.
_ROLES = ("viewer", "reviewer", "admin")


def _role_rules(rules: tuple[str, ...]) -> tuple[str, ...]:
    for rule in rules:
        role, _, value = rule.partition("=")
        if role.strip() not in _ROLES or not value.strip():
            raise ValueError("ROLE=VALUE is expected, such as admin=chat-admins,viewer=*")
    return rules


#: Where browsers reach the bot: scheme, host and port.
PublicOrigin = Annotated[str, AfterValidator(_origin)]

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

    #: The first admin, beside the users in the database.
    admin_user: str = "admin"
    #: Plain, or an argon2 hash; empty: there is no dashboard.
    admin_password: SecretStr = SecretStr("")
    #: The dashboard is reached only through a proxy that sets X-Forwarded-For and -Proto itself.
    admin_behind_proxy: bool = False
    #: Encrypt the secrets of second factors; empty: nobody can switch one on.
    admin_secret_keys: SecretKeys = SecretStr("")
    #: The dashboard's public address, to which the provider leads back.
    admin_public_url: PublicOrigin = ""
    admin_oidc_client_id: str = ""
    admin_oidc_client_secret: SecretStr = SecretStr("")
    #: The claim that says what a person is, and which of its values is which role: "admin=chiefs".
    admin_oidc_role_claim: str = "groups"
    admin_oidc_roles: Annotated[CommaSeparated, AfterValidator(_role_rules)] = ()
    #: The OpenID Connect provider that vouches for people, too; empty: none. Read after the others.
    admin_oidc_issuer: Annotated[str, AfterValidator(_issuer), AfterValidator(_complete)] = ""
    #: How long it is kept who did what on the dashboard: two years at least.
    audit_retention_days: int = Field(730, ge=730, le=36_500)

    #: How long people's pictures stay beside their questions; 0: only until the answer.
    picture_kept_days: int = Field(0, ge=0, le=3650)

    #: Exports of the dashboard: rows of a file, its size, how long it is kept, and what stays free
    #: of the disk.
    export_max_rows: int = Field(200_000, ge=1, le=MAX_COUNT)
    export_max_mb: int = Field(256, ge=1, le=4096)
    export_kept_days: int = Field(7, ge=1, le=90)
    export_disk_reserve_mb: int = Field(1024, ge=0, le=MAX_COUNT)

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
