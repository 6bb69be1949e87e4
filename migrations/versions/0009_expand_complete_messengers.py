"""Complete messengers: posts, votes, events, erasures, stored settings.

Expand: it only adds, so the previous version goes on working on this schema.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

NOW = sa.func.now()


def upgrade() -> None:
    _add_columns()
    _create_posts()
    _create_feedback()
    _create_conversation_events()
    _create_erasures()
    _create_bot_configs()


def _add_columns() -> None:
    op.add_column("conversations", sa.Column("room", sa.Text, nullable=False, server_default=""))
    op.add_column("conversations", sa.Column("idle_epoch", sa.Integer))
    op.add_column("conversations", sa.Column("human_until", sa.DateTime(timezone=True)))
    for name in ("regenerates", "continues"):
        op.add_column("turns", sa.Column(name, sa.Uuid))
    op.add_column("turns", sa.Column("stopped_by", sa.Text))
    op.add_column("turns", sa.Column("config_version", sa.BigInteger))
    op.create_index("ix_turns_sender_received_at", "turns", ["sender", "received_at"])
    op.create_index(
        "ix_turns_regenerates",
        "turns",
        ["regenerates"],
        postgresql_where=sa.text("regenerates IS NOT NULL"),
    )


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    default = None if nullable else NOW
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=default)


def _create_posts() -> None:
    op.create_table(
        "posts",
        sa.Column("turn_id", sa.Uuid, nullable=False),
        sa.Column("part", sa.Integer, nullable=False),
        sa.Column("room", sa.Text, nullable=False),
        sa.Column("message_id", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("writer", sa.Uuid),
        _time("writer_until", nullable=True),
        _time("created_at"),
        _time("updated_at"),
        sa.PrimaryKeyConstraint("turn_id", "part", name="pk_posts"),
        sa.ForeignKeyConstraint(
            ["turn_id"], ["turns.id"], name="fk_posts_turn_id", ondelete="CASCADE"
        ),
        sa.CheckConstraint(
            "state IN ('starting', 'streaming', 'writing', 'final')", name="ck_posts_state"
        ),
    )
    op.create_index("ix_posts_room_message_id", "posts", ["room", "message_id"])


def _create_feedback() -> None:
    op.create_table(
        "feedback",
        sa.Column("turn_id", sa.Uuid, nullable=False),
        sa.Column("voter", sa.Text, nullable=False),
        sa.Column("vote", sa.Text, nullable=False),
        sa.Column("reasons", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
        sa.Column("note", sa.Text, nullable=False, server_default=""),
        _time("created_at"),
        _time("updated_at"),
        sa.PrimaryKeyConstraint("turn_id", "voter", name="pk_feedback"),
        sa.ForeignKeyConstraint(
            ["turn_id"], ["turns.id"], name="fk_feedback_turn_id", ondelete="CASCADE"
        ),
        sa.CheckConstraint("vote IN ('good', 'bad')", name="ck_feedback_vote"),
    )
    op.create_index("ix_feedback_updated_at", "feedback", ["updated_at"])


def _create_conversation_events() -> None:
    op.create_table(
        "conversation_events",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True)),
        sa.Column("conversation_id", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False, server_default=""),
        sa.Column("detail", JSONB, nullable=False, server_default=sa.text("'{}'")),
        _time("at"),
        sa.PrimaryKeyConstraint("id", name="pk_conversation_events"),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name="fk_conversation_events_conversation_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index(
        "ix_conversation_events_conversation_id_id",
        "conversation_events",
        ["conversation_id", "id"],
    )


def _create_erasures() -> None:
    op.create_table(
        "erasures",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("messenger", sa.Text, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("counts", JSONB, nullable=False),
        _time("erased_at"),
        sa.PrimaryKeyConstraint("id", name="pk_erasures"),
    )


def _create_bot_configs() -> None:
    scope = [
        sa.Column(name, sa.Text, nullable=False, server_default="")
        for name in ("messenger", "tenant", "room")
    ]
    op.create_table(
        "bot_configs",
        sa.Column("version", sa.BigInteger, sa.Identity(always=True)),
        *scope,
        sa.Column("values", JSONB, nullable=False),
        sa.Column("author", sa.Text, nullable=False, server_default=""),
        _time("created_at"),
        sa.PrimaryKeyConstraint("version", name="pk_bot_configs"),
    )
    op.create_index(
        "ix_bot_configs_scope", "bot_configs", ["messenger", "tenant", "room", "version"]
    )


def downgrade() -> None:
    for table in ("bot_configs", "erasures", "conversation_events", "feedback", "posts"):
        op.drop_table(table)
    op.drop_index("ix_turns_regenerates", "turns")
    op.drop_index("ix_turns_sender_received_at", "turns")
    for name in ("config_version", "stopped_by", "continues", "regenerates"):
        op.drop_column("turns", name)
    for name in ("human_until", "idle_epoch", "room"):
        op.drop_column("conversations", name)
