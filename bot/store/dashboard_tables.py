"""The tables of the dashboard: its users, and the log of what they do."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from bot.domain.dashboard_users import Role


def users_table(metadata: MetaData) -> Table:
    """Who may log in. The admin of the settings has a row without a password."""
    roles = ", ".join(f"'{role}'" for role in Role)
    return Table(
        "dashboard_users",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("name", Text, nullable=False),
        Column("role", Text, nullable=False),
        Column("password_hash", Text),
        Column("must_change_password", Boolean, nullable=False, server_default=text("false")),
        Column("language", Text),
        # Incremented where all sessions of the user end: another password or role.
        Column("generation", Integer, nullable=False, server_default=text("0")),
        # Encrypted (bot.store.encrypted_text); asked for once ``totp_since`` is set.
        Column("totp_secret", Text),
        Column("totp_since", DateTime(timezone=True)),
        # The time step of the newest code that was used: none is good for two logins.
        Column("totp_step", BigInteger, nullable=False, server_default=text("0")),
        Column("recovery_hashes", ARRAY(Text), nullable=False, server_default=text("'{}'")),
        Column("disabled_at", DateTime(timezone=True)),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("last_login_at", DateTime(timezone=True)),
        # Until when a password that somebody else chose lets its user in; null: for ever.
        Column("temporary_until", DateTime(timezone=True)),
        UniqueConstraint("name"),
        CheckConstraint(f"role IN ({roles})", name="role"),
    )


def identities_table(metadata: MetaData) -> Table:
    """Users whom an OpenID Connect provider knows, by its issuer and its own name for them."""
    return Table(
        "dashboard_identities",
        metadata,
        Column("issuer", Text, primary_key=True),
        Column("subject", Text, primary_key=True),
        Column("user_id", ForeignKey("dashboard_users.id"), nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Index("ix_dashboard_identities_user_id", "user_id"),
    )


def audit_table(metadata: MetaData) -> Table:
    """Who did what on the dashboard.

    Triggers give each row its number, time and hash, and refuse every UPDATE and DELETE but the
    daily one of what is too old (migration 0014).
    """
    return Table(
        "audit_log",
        metadata,
        Column("seq", BigInteger, primary_key=True, autoincrement=False),
        Column("at", DateTime(timezone=True), nullable=False),
        Column("actor", Text, nullable=False),
        Column("action", Text, nullable=False),
        Column("object", Text, nullable=False),
        # A JSON object, as the hash covers it.
        Column("details", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("address", Text, nullable=False),
        Column("previous_hash", LargeBinary, nullable=False),
        Column("hash", LargeBinary, nullable=False),
        Index("ix_audit_log_at", "at"),
        Index("ix_audit_log_actor_seq", "actor", "seq"),
        Index("ix_audit_log_action_seq", "action", "seq"),
    )
