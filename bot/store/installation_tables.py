"""The tables of slack_sdk's stores, with columns of our own.

slack_sdk's tokens are plain text of 200 characters at most, and its times have no zone.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

INSTALLATIONS, BOTS, STATES = "slack_installations", "slack_bots", "slack_oauth_states"
#: The encrypted columns of each table.
SECRETS = {
    BOTS: ("bot_token", "bot_refresh_token"),
    INSTALLATIONS: (
        "bot_token",
        "bot_refresh_token",
        "user_token",
        "user_refresh_token",
        "incoming_webhook_url",
        "incoming_webhook_configuration_url",
    ),
}


class UtcTime(TypeDecorator[datetime]):
    """A time with its zone for slack_sdk, which takes the zone off before it writes UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Any) -> datetime | None:
        """Give a time without a zone the zone that slack_sdk means."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def installations_table(metadata: MetaData, secret: TypeEngine[str]) -> Table:
    """Who installed the app where; ``secret``: the type of the encrypted columns."""
    return Table(
        INSTALLATIONS,
        metadata,
        *_identity(),
        Column("enterprise_url", Text),
        *_bot_columns(secret),
        Column("user_id", Text, nullable=False),
        Column("user_token", secret),
        Column("user_scopes", Text),
        Column("user_refresh_token", secret),
        Column("user_token_expires_at", UtcTime),
        Column("incoming_webhook_url", secret),
        Column("incoming_webhook_channel", Text),
        Column("incoming_webhook_channel_id", Text),
        Column("incoming_webhook_configuration_url", secret),
        Column("token_type", Text),
        *_installed(),
        Index(
            f"ix_{INSTALLATIONS}_place",
            *("client_id", "team_id", "enterprise_id", "user_id", "installed_at"),
        ),
    )


def bots_table(metadata: MetaData, secret: TypeEngine[str]) -> Table:
    """The bot's token in each workspace; ``secret``: the type of the encrypted columns."""
    return Table(
        BOTS,
        metadata,
        *_identity(),
        *_bot_columns(secret),
        *_installed(),
        Index(f"ix_{BOTS}_place", "client_id", "team_id", "enterprise_id", "installed_at"),
    )


def states_table(metadata: MetaData) -> Table:
    """Installations that have begun; a state is worthless without its browser's cookie."""
    return Table(
        STATES,
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("state", Text, nullable=False),
        Column("expire_at", UtcTime, nullable=False),
        UniqueConstraint("state", name=f"uq_{STATES}_state"),
        Index(f"ix_{STATES}_expire_at", "expire_at"),
    )


def _identity() -> tuple[Column[Any], ...]:
    return (
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("client_id", Text, nullable=False),
        Column("app_id", Text, nullable=False),
        # Null: installed in one workspace that belongs to no organisation.
        Column("enterprise_id", Text),
        Column("enterprise_name", Text),
        # Null: installed in all workspaces of an organisation.
        Column("team_id", Text),
        Column("team_name", Text),
    )


def _bot_columns(secret: TypeEngine[str]) -> tuple[Column[Any], ...]:
    return (
        Column("bot_token", secret),
        Column("bot_id", Text),
        Column("bot_user_id", Text),
        Column("bot_scopes", Text),
        Column("bot_refresh_token", secret),
        Column("bot_token_expires_at", UtcTime),
    )


def _installed() -> tuple[Column[Any], ...]:
    return (
        Column("is_enterprise_install", Boolean, nullable=False, server_default=text("false")),
        Column("installed_at", UtcTime, nullable=False, server_default=func.now()),
    )
