"""The dashboard's users, and the log of what they do: append-only, chained by hashes.

Expand: it only adds, so the previous version goes on working on this schema.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_NOW = sa.func.now()


def _time(name: str, *, nullable: bool = True) -> sa.Column[object]:
    default = None if nullable else _NOW
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=default)


def upgrade() -> None:
    _create_users()
    _create_identities()
    _create_audit_log()
    _add_hash()
    _add_chain()
    _add_append_only()
    _add_trim()
    _add_triggers()


def _create_users() -> None:
    op.create_table(
        "dashboard_users",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text),
        sa.Column("must_change_password", sa.Boolean, nullable=False, server_default="false"),
        sa.Column("language", sa.Text),
        sa.Column("generation", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("totp_secret", sa.Text),
        _time("totp_since"),
        sa.Column("totp_step", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column(
            "recovery_hashes",
            sa.ARRAY(sa.Text),
            nullable=False,
            server_default=sa.text("'{}'"),
        ),
        _time("disabled_at"),
        _time("created_at", nullable=False),
        _time("last_login_at"),
        sa.PrimaryKeyConstraint("id", name="pk_dashboard_users"),
        sa.UniqueConstraint("name", name="uq_dashboard_users_name"),
        sa.CheckConstraint(
            "role IN ('viewer', 'reviewer', 'admin')", name="ck_dashboard_users_role"
        ),
    )


def _create_identities() -> None:
    op.create_table(
        "dashboard_identities",
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("user_id", sa.BigInteger, nullable=False),
        _time("created_at", nullable=False),
        sa.PrimaryKeyConstraint("issuer", "subject", name="pk_dashboard_identities"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["dashboard_users.id"], name="fk_dashboard_identities_user_id"
        ),
    )
    op.create_index("ix_dashboard_identities_user_id", "dashboard_identities", ["user_id"])


def _create_audit_log() -> None:
    words = ("actor", "action", "object", "details", "reason", "address")
    op.create_table(
        "audit_log",
        sa.Column("seq", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in words),
        sa.Column("previous_hash", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_audit_log"),
    )
    op.create_index("ix_audit_log_at", "audit_log", ["at"])
    op.create_index("ix_audit_log_actor_seq", "audit_log", ["actor", "seq"])
    op.create_index("ix_audit_log_action_seq", "audit_log", ["action", "seq"])


# Every field with its length in front, so that no two rows have the same bytes. The same is
# computed in Python by bot/store/audit_chain.py.
def _add_hash() -> None:
    op.execute("""
        CREATE FUNCTION audit_log_hash(entry audit_log) RETURNS bytea
        LANGUAGE sql IMMUTABLE AS $$
            SELECT sha256(entry.previous_hash || convert_to(
                string_agg(octet_length(field) || ':' || field || ',', '' ORDER BY place), 'UTF8'))
            FROM unnest(ARRAY[
                entry.seq::text, (extract(epoch FROM entry.at) * 1000000)::bigint::text,
                entry.actor, entry.action, entry.object, entry.details, entry.reason, entry.address
            ]) WITH ORDINALITY AS fields (field, place)
        $$
    """)


# The lock ("audi") makes concurrent writers one chain; it is held until their commit. A statement
# of a volatile function sees what was committed while it waited.
def _add_chain() -> None:
    op.execute("""
        CREATE FUNCTION audit_log_chain() RETURNS trigger
        LANGUAGE plpgsql AS $$
        DECLARE
            newest record;
        BEGIN
            PERFORM pg_advisory_xact_lock(1635083369);
            SELECT seq, hash INTO newest FROM audit_log ORDER BY seq DESC LIMIT 1;
            NEW.seq := coalesce(newest.seq, 0) + 1;
            NEW.at := clock_timestamp();
            NEW.previous_hash := coalesce(newest.hash, decode(repeat('00', 32), 'hex'));
            NEW.hash := audit_log_hash(NEW);
            RETURN NEW;
        END
        $$
    """)


def _add_append_only() -> None:
    op.execute("""
        CREATE FUNCTION audit_log_append_only() RETURNS trigger
        LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' AND TG_LEVEL = 'ROW' AND OLD.at < now() - interval '730 days' THEN
                RETURN OLD;
            END IF;
            RAISE EXCEPTION 'audit_log is append-only' USING ERRCODE = 'insufficient_privilege';
        END
        $$
    """)


# The only way a row leaves: from the front, when older than two years, behind an anchor that
# holds the last hash before the first row that stays. The owner's rights: the bot needs none. A
# day more than the trigger asks for, so that no row is of both opinions.
def _add_trim() -> None:
    op.execute("""
        CREATE FUNCTION audit_log_trim(kept_days integer, max_rows integer) RETURNS bigint
        LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
        DECLARE
            cutoff timestamptz := now() - make_interval(days => greatest(kept_days, 731));
            begins bigint;
            stays bigint;
            final record;
        BEGIN
            SELECT min(seq) INTO begins FROM audit_log;
            SELECT seq INTO stays FROM audit_log
                WHERE at >= cutoff OR seq >= begins + max_rows ORDER BY seq LIMIT 1;
            SELECT seq, hash INTO final FROM audit_log
                WHERE stays IS NULL OR seq < stays ORDER BY seq DESC LIMIT 1;
            IF final.seq IS NULL THEN
                RETURN 0;
            END IF;
            INSERT INTO audit_log (actor, action, object, details, reason, address) VALUES (
                '', 'audit_trimmed', '',
                format('{"hash": "%s", "through": %s}', encode(final.hash, 'hex'), final.seq),
                '', '');
            DELETE FROM audit_log WHERE seq <= final.seq;
            RETURN final.seq - begins + 1;
        END
        $$
    """)


def _add_triggers() -> None:
    op.execute("""
        CREATE TRIGGER audit_log_chain BEFORE INSERT ON audit_log
        FOR EACH ROW EXECUTE FUNCTION audit_log_chain()
    """)
    op.execute("""
        CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log
        FOR EACH ROW EXECUTE FUNCTION audit_log_append_only()
    """)
    op.execute("""
        CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log
        FOR EACH STATEMENT EXECUTE FUNCTION audit_log_append_only()
    """)


def downgrade() -> None:
    op.execute("DROP FUNCTION audit_log_trim(integer, integer)")
    op.execute("DROP FUNCTION audit_log_hash(audit_log)")
    op.drop_table("audit_log")
    op.execute("DROP FUNCTION audit_log_chain()")
    op.execute("DROP FUNCTION audit_log_append_only()")
    op.drop_table("dashboard_identities")
    op.drop_table("dashboard_users")
