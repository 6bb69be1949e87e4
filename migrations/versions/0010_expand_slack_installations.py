"""Slack's installations: who installed the app where, and the bot's tokens, encrypted.

Expand: it only adds, so the previous version goes on working on this schema.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_installations()
    _create_bots()
    _create_states()


def _id() -> sa.Column[Any]:
    return sa.Column("id", sa.BigInteger, sa.Identity(always=True))


def _texts(*names: str, nullable: bool = True) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text, nullable=nullable) for name in names]


def _time(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True))


def _place() -> list[sa.Column[Any]]:
    return [
        _id(),
        *_texts("client_id", "app_id", nullable=False),
        *_texts("enterprise_id", "enterprise_name", "team_id", "team_name"),
    ]


def _bot() -> list[sa.Column[Any]]:
    return [
        *_texts("bot_token", "bot_id", "bot_user_id", "bot_scopes", "bot_refresh_token"),
        _time("bot_token_expires_at"),
    ]


def _installed() -> list[sa.Column[Any]]:
    return [
        sa.Column(
            "is_enterprise_install", sa.Boolean, nullable=False, server_default=sa.text("false")
        ),
        sa.Column(
            "installed_at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.func.now(),
        ),
    ]


def _create_installations() -> None:
    op.create_table(
        "slack_installations",
        *_place(),
        *_texts("enterprise_url"),
        *_bot(),
        *_texts("user_id", nullable=False),
        *_texts("user_token", "user_scopes", "user_refresh_token"),
        _time("user_token_expires_at"),
        *_texts(
            "incoming_webhook_url",
            "incoming_webhook_channel",
            "incoming_webhook_channel_id",
            "incoming_webhook_configuration_url",
            "token_type",
        ),
        *_installed(),
        sa.PrimaryKeyConstraint("id", name="pk_slack_installations"),
    )
    op.create_index(
        "ix_slack_installations_place",
        "slack_installations",
        ["client_id", "team_id", "enterprise_id", "user_id", "installed_at"],
    )


def _create_bots() -> None:
    op.create_table(
        "slack_bots",
        *_place(),
        *_bot(),
        *_installed(),
        sa.PrimaryKeyConstraint("id", name="pk_slack_bots"),
    )
    op.create_index(
        "ix_slack_bots_place",
        "slack_bots",
        ["client_id", "team_id", "enterprise_id", "installed_at"],
    )


def _create_states() -> None:
    op.create_table(
        "slack_oauth_states",
        _id(),
        *_texts("state", nullable=False),
        sa.Column("expire_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_slack_oauth_states"),
        sa.UniqueConstraint("state", name="uq_slack_oauth_states_state"),
    )
    op.create_index("ix_slack_oauth_states_expire_at", "slack_oauth_states", ["expire_at"])


def downgrade() -> None:
    for table in ("slack_oauth_states", "slack_bots", "slack_installations"):
        op.drop_table(table)
