"""The search index in tables of its own, written in batches after a turn's end.

Triggers queue what is to be indexed, so either version of the bot, and any later statement, writes
it right without knowing of the search. An accepted turn costs nothing: open turns are not indexed.
A turn is queued when it settles or its text changes, when its delivery leaves the usual route, and
when somebody votes on it.

Expand: the previous version goes on writing ``turns.grams``, which this one neither reads nor
fills.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_tables()
    op.execute("""
        CREATE FUNCTION queue_search() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_TABLE_NAME = 'turns' THEN
                INSERT INTO search_queue (turn_id) VALUES (NEW.id);
            ELSIF TG_OP = 'DELETE' THEN
                INSERT INTO search_queue (turn_id) VALUES (OLD.turn_id);
            ELSE
                INSERT INTO search_queue (turn_id) VALUES (NEW.turn_id);
            END IF;
            RETURN NULL;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER turns_inserted_settled AFTER INSERT ON turns
        FOR EACH ROW WHEN (NEW.status NOT IN ('received', 'queued', 'generating'))
        EXECUTE FUNCTION queue_search()
    """)
    op.execute("""
        CREATE TRIGGER turns_settled AFTER UPDATE OF status, text, answer ON turns
        FOR EACH ROW WHEN (
            NEW.status NOT IN ('received', 'queued', 'generating') AND (
                OLD.status <> NEW.status OR OLD.text <> NEW.text
                OR OLD.answer IS DISTINCT FROM NEW.answer
            )
        ) EXECUTE FUNCTION queue_search()
    """)
    # On its usual route a delivery is pending, sending, delivered: only the last of them stays.
    op.execute("""
        CREATE TRIGGER deliveries_unusual AFTER UPDATE OF state ON deliveries
        FOR EACH ROW WHEN (OLD.state <> NEW.state AND NEW.state NOT IN ('sending', 'delivered'))
        EXECUTE FUNCTION queue_search()
    """)
    op.execute("""
        CREATE TRIGGER feedback_changed AFTER INSERT OR UPDATE OR DELETE ON feedback
        FOR EACH ROW EXECUTE FUNCTION queue_search()
    """)


def downgrade() -> None:
    for trigger, table in (
        ("feedback_changed", "feedback"),
        ("deliveries_unusual", "deliveries"),
        ("turns_settled", "turns"),
        ("turns_inserted_settled", "turns"),
    ):
        op.execute(f"DROP TRIGGER {trigger} ON {table}")
    op.execute("DROP FUNCTION queue_search")
    for table in ("search_queue", "search_entries", "search_segments"):
        op.drop_table(table)


def _create_tables() -> None:
    op.create_table(
        "search_segments",
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("number", sa.Integer, sa.Identity(always=True), nullable=False),
        sa.Column("turns", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("indexed", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.PrimaryKeyConstraint("starts_at", name="pk_search_segments"),
    )
    op.create_table(
        "search_entries",
        sa.Column("turn_id", sa.Uuid, nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("keys", pg.ARRAY(sa.Integer), nullable=False),
        sa.PrimaryKeyConstraint("turn_id", name="pk_search_entries"),
        sa.ForeignKeyConstraint(
            ["turn_id"], ["turns.id"], name="fk_search_entries_turn_id", ondelete="CASCADE"
        ),
    )
    op.create_index(
        "ix_search_entries_keys",
        "search_entries",
        ["keys"],
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    )
    op.create_table(
        "search_queue",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("turn_id", sa.Uuid, nullable=False),
        sa.Column(
            "queued_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        sa.PrimaryKeyConstraint("id", name="pk_search_queue"),
    )
