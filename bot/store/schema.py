"""The bot's tables, by the glossary. A test compares the migrations with this module."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from bot.domain.deliveries import DeliveryState, DeliveryVia
from bot.domain.feedback import Vote
from bot.domain.posts import PostState
from bot.domain.turns import TurnStatus
from bot.store.config_tables import answers_table, drafts_table, questions_table, readers_table
from bot.store.constraints import one_of
from bot.store.dashboard_tables import audit_table, identities_table, users_table
from bot.store.datasets.tables import (
    checks_table,
    dataset_items_table,
    datasets_table,
    opt_outs_table,
)
from bot.store.evaluations.tables import evaluation_pairs_table, evaluations_table
from bot.store.exports.tables import exports_table, parts_table, people_table
from bot.store.installation_tables import bots_table, installations_table, states_table
from bot.store.protection_tables import (
    blocked_people_table,
    erasure_orders_table,
    retention_rules_table,
    retention_runs_table,
)
from bot.store.replays.tables import (
    replay_items_table,
    replay_reveals_table,
    replay_votes_table,
    replays_table,
)
from bot.store.reviews.tables import (
    items_table,
    judged_table,
    queues_table,
    reviews_table,
    verdicts_table,
)
from bot.store.search.tables import (
    entries_table,
    queue_table,
    saved_searches_table,
    segments_table,
)
from bot.store.statistics_tables import (
    alert_channels_table,
    alerts_table,
    bots_statistics_table,
    open_table,
    progress_table,
    resends_table,
    statistics_table,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


conversations = Table(
    "conversations",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("messenger", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("key", Text, nullable=False),
    # A reset increments the epoch: earlier turns stay in the log but enter no prompt.
    Column("epoch", Integer, nullable=False, server_default=text("0")),
    # The seq of the newest turn, taken under this row's lock: identity order is not commit order.
    Column("last_seq", BigInteger, nullable=False, server_default=text("1")),
    # The seq of the newest answered turn of the epoch: detects a stale history window.
    Column("history_seq", BigInteger, nullable=False, server_default=text("0")),
    # The messenger's room (a Slack channel) whose settings apply; empty where there are no rooms.
    Column("room", Text, nullable=False, server_default=""),
    # The epoch that began by itself after a long silence; null: none did.
    Column("idle_epoch", Integer),
    # Until then a human answers, and the bot is silent.
    Column("human_until", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    UniqueConstraint("messenger", "tenant", "key"),
    # The conversations of a room, newest first; most messengers have no rooms.
    Index(
        "ix_conversations_room",
        "messenger",
        "tenant",
        "room",
        "id",
        postgresql_where=text("room <> ''"),
    ),
)

turns = Table(
    "turns",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("messenger", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("event_key", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("media", JSONB, nullable=False, server_default=text("'[]'")),
    Column("reply_handle", JSONB, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("status", Text, nullable=False, server_default=TurnStatus.RECEIVED.value),
    # The prompt if it is longer than the text: with the turns merged into this one.
    Column("prompt", Text),
    Column("merged_into", Uuid),
    # The turn whose question this one asks again: the older answer enters no later prompt.
    Column("regenerates", Uuid),
    # The turn whose answer this one goes on with, after the model stopped at a limit.
    Column("continues", Uuid),
    # Who asked to stop it; empty for one that was stopped by the messenger itself.
    Column("stopped_by", Text),
    # The newest of the stored settings that it ran with; null: those of the environment alone.
    Column("config_version", BigInteger),
    Column("job_id", Uuid),
    Column("preset", Text),
    Column("answer", Text),
    Column("finish_reason", Text),
    # What the model thought before it answered: for operators, never for people or prompts.
    Column("reasoning", Text),
    Column("model", Text),
    Column("prompt_tokens", Integer),
    Column("completion_tokens", Integer),
    Column("dropped_messages", Integer),
    # Cut from the end of the question, which alone was too long for the model.
    Column("cut_chars", Integer),
    # What the prompt was made of: its settings, and the answered turns before the question.
    Column("prompt_settings", Uuid),
    Column("history_seqs", ARRAY(BigInteger)),
    # The runs of its job, oldest first: by whom, and since when.
    Column("runs", JSONB),
    Column("first_token_ms", Float),
    Column("total_ms", Float),
    # Its shares of the worker's processors and of the engine; null: an older worker's.
    Column("cpu_ms", Float),
    Column("busy_ms", Float),
    Column("failure_reason", Text),
    Column("failure_message", Text),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("queued_at", DateTime(timezone=True)),
    Column("started_at", DateTime(timezone=True)),
    Column("settled_at", DateTime(timezone=True)),
    UniqueConstraint("messenger", "tenant", "event_key"),
    UniqueConstraint("conversation_id", "seq"),
    one_of("status", TurnStatus),
    Index("ix_turns_received_at_id", "received_at", "id"),
    Index("ix_turns_job_id", "job_id"),
    # The statistics count the turns that ended since their last look.
    Index("ix_turns_settled_at", "settled_at", postgresql_where=text("settled_at IS NOT NULL")),
    Index("ix_turns_sender_received_at", "sender", "received_at"),
    # Few turns ask again, or go on.
    Index("ix_turns_regenerates", "regenerates", postgresql_where=text("regenerates IS NOT NULL")),
    # What an erased person stopped of others' turns.
    Index("ix_turns_stopped_by", "stopped_by", postgresql_where=text("stopped_by IS NOT NULL")),
    # Guarantees at most one queued or generating turn per conversation.
    Index(
        "uq_turns_conversation_running",
        "conversation_id",
        unique=True,
        postgresql_where=text("status IN ('queued', 'generating')"),
    ),
    Index(
        "ix_turns_unsettled",
        "conversation_id",
        "seq",
        postgresql_where=text("status IN ('received', 'queued', 'generating')"),
    ),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("turn_id", ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
    Column("messenger", Text, nullable=False),
    Column("via", Text, nullable=False),
    Column("state", Text, nullable=False, server_default=DeliveryState.PENDING.value),
    # Earliest delivery: the end of the sync window or of a retry's pause.
    Column("not_before", DateTime(timezone=True), nullable=False),
    # The end of the callback URL's budget.
    Column("callback_until", DateTime(timezone=True)),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    # Fences a claim: only the process that took this number may record its outcome.
    Column("claim", Integer, nullable=False, server_default=text("0")),
    Column("claimed_until", DateTime(timezone=True)),
    # The name of the ``claim_due`` call that took the claim.
    Column("claimed_by", Uuid),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("detail", Text, nullable=False, server_default=""),
    # An expiry notice was shown; there is one per delivery.
    Column("expiry_told", Boolean, nullable=False, server_default=text("false")),
    Column("delivered_at", DateTime(timezone=True)),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    # The claim whose POST can be looked up. An older version claims without setting it: then the
    # numbers differ, and there is no lookup.
    Column("trace_claim", Integer),
    # Earliest lookup; null: no more lookups.
    Column("trace_at", DateTime(timezone=True)),
    # Fences a lookup, as the claim's number fences a delivery.
    Column("traces", Integer, nullable=False, server_default=text("0")),
    one_of("via", DeliveryVia),
    one_of("state", DeliveryState),
    Index(
        "ix_deliveries_due",
        "not_before",
        postgresql_where=text("state IN ('pending', 'sending', 'held')"),
    ),
    # The dead letters, newest first.
    Index(
        "ix_deliveries_dead",
        "updated_at",
        "turn_id",
        postgresql_where=text("state IN ('failed', 'unconfirmed')"),
    ),
    # Holds only the few deliveries with a pending lookup.
    Index(
        "ix_deliveries_trace",
        "trace_at",
        postgresql_where=text(
            "state = 'unconfirmed' AND trace_claim = claim AND trace_at IS NOT NULL"
        ),
    ),
)

# The ledger: one row per attempt, never changed.
delivery_attempts = Table(
    "delivery_attempts",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("turn_id", ForeignKey("turns.id", ondelete="CASCADE"), nullable=False),
    Column("claim", Integer, nullable=False),
    Column("via", Text, nullable=False),
    # The delivery's new state, and the messenger's error text.
    Column("state", Text, nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
    Column("claimed_at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    one_of("via", DeliveryVia),
    one_of("state", DeliveryState),
    Index("ix_delivery_attempts_turn_id", "turn_id"),
)

# The pictures of turns that wait for their job, which takes them with it, and those that operators
# keep: ``kept_until``.
turn_pictures = Table(
    "turn_pictures",
    metadata,
    Column("turn_id", ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("media_type", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("kept_until", DateTime(timezone=True)),
)

# What prompts are made with beside the turns: written once, and named by its digest.
prompt_settings = Table(
    "prompt_settings",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("preset", Text, nullable=False),
    Column("system_prompt", Text, nullable=False),
    Column("sampling", JSONB, nullable=False),
    # What the model reads with pictures that came without a text; null: there were none.
    Column("picture_prompt", Text),
    # The adapter that the job named; null: none.
    Column("adapter", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

# Events that are no turn (a reset), or to which their messenger gives no id: kept for minutes.
recent_events = Table(
    "recent_events",
    metadata,
    Column("messenger", Text, primary_key=True),
    Column("tenant", Text, primary_key=True),
    # Events with the same key within a window are one: ``event_key`` is that of the first.
    Column("key", Text, primary_key=True),
    Column("event_key", Text, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
    # The window ends early with the delivery of the first one's answer.
    Column("ends_when_delivered", Boolean, nullable=False, server_default=text("false")),
    Index("ix_recent_events_until", "until"),
)

# Operators' sessions that ended before their cookies did.
ended_sessions = Table(
    "ended_sessions",
    metadata,
    Column("id", Text, primary_key=True),
    # By then no cookie of the session is valid any more.
    Column("until", DateTime(timezone=True), nullable=False),
)

# The messages of a messenger that show a turn's answer: one for each part of a long one.
posts = Table(
    "posts",
    metadata,
    Column("turn_id", ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("room", Text, nullable=False),
    # The messenger's own id of the message; null until the messenger has told it.
    Column("message_id", Text),
    Column("state", Text, nullable=False),
    # The bot that writes it live, and until when it counts as alive.
    Column("writer", Uuid),
    Column("writer_until", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    one_of("state", PostState),
    Index("ix_posts_room_message_id", "room", "message_id"),
)

# People's votes on answers: one per person and answer, changeable.
feedback = Table(
    "feedback",
    metadata,
    Column("turn_id", ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
    Column("voter", Text, primary_key=True),
    Column("vote", Text, nullable=False),
    # Codes of bot.domain.feedback.Reason, and the person's own words.
    Column("reasons", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("note", Text, nullable=False, server_default=""),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    one_of("vote", Vote),
    Index("ix_feedback_updated_at", "updated_at"),
    # A person's votes, newest first.
    Index("ix_feedback_voter_updated_at", "voter", "updated_at"),
)

# What happened in a conversation beside its turns: resets, notices, hand-overs to a human.
conversation_events = Table(
    "conversation_events",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("actor", Text, nullable=False, server_default=""),
    Column("detail", JSONB, nullable=False, server_default=text("'{}'")),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("ix_conversation_events_conversation_id_id", "conversation_id", "id"),
)

# Receipts of erasures: what was deleted, never whose it was.
erasures = Table(
    "erasures",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("messenger", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    # A digest of the person's key (bot.domain.turns.Person.key).
    Column("person", Text, nullable=False),
    Column("counts", JSONB, nullable=False),
    Column("erased_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    # Who had the person erased; empty: the person.
    Column("actor", Text, nullable=False, server_default=""),
    Index("ix_erasures_erased_at", "erased_at", "id"),
)

# Stored settings of a bot, a workspace or a room: each change is a new row, the newest counts.
bot_configs = Table(
    "bot_configs",
    metadata,
    Column("version", BigInteger, Identity(always=True), primary_key=True),
    # The scope; an empty part means all of them.
    Column("messenger", Text, nullable=False, server_default=""),
    Column("tenant", Text, nullable=False, server_default=""),
    Column("room", Text, nullable=False, server_default=""),
    Column("values", JSONB, nullable=False),
    Column("author", Text, nullable=False, server_default=""),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("note", Text, nullable=False, server_default=""),
    # The old version that this one is equal to.
    Column("restores", BigInteger),
    Index("ix_bot_configs_scope", "messenger", "tenant", "room", "version"),
)
config_readers = readers_table(metadata)
config_drafts = drafts_table(metadata)
sandbox_questions = questions_table(metadata)
sandbox_answers = answers_table(metadata)

# The dashboard's users, whom a provider knows as whom, and who did what.
dashboard_users = users_table(metadata)
dashboard_identities = identities_table(metadata)
audit_log = audit_table(metadata)

# The protection of personal data (bot.privacy).
retention_rules = retention_rules_table(metadata)
retention_runs = retention_runs_table(metadata)
blocked_people = blocked_people_table(metadata)
erasure_orders = erasure_orders_table(metadata)

# Slack's workspaces: as Postgres sees them, the secrets encrypted (bot.store.installations).
slack_installations = installations_table(metadata, Text())
slack_bots = bots_table(metadata, Text())
slack_oauth_states = states_table(metadata)

# The search index, written after the answer.
search_segments = segments_table(metadata)
search_entries = entries_table(metadata)
search_queue = queue_table(metadata)
saved_searches = saved_searches_table(metadata)
# The dashboard's charts, and its orders to send dead letters again (bot.store.statistics).
statistics = statistics_table(metadata)
statistics_bots = bots_statistics_table(metadata)
statistics_progress = progress_table(metadata)
statistics_open = open_table(metadata)
bulk_resends = resends_table(metadata)
alerts = alerts_table(metadata)
alert_channels = alert_channels_table(metadata)

# Reviewers' judgements, and what counts of them.
review_queues = queues_table(metadata)
review_items = items_table(metadata)
reviews = reviews_table(metadata)
review_verdicts = verdicts_table(metadata)
judged_turns = judged_table(metadata)

# Files of lists (bot.store.exports).
exports = exports_table(metadata)
export_parts = parts_table(metadata)
export_people = people_table(metadata)

# Training data out of judged turns, and who wants to be in none (bot.store.datasets).
datasets = datasets_table(metadata)
dataset_items = dataset_items_table(metadata)
dataset_checks = checks_table(metadata)
training_opt_outs = opt_outs_table(metadata)

# What models were found to be worth.
evaluations = evaluations_table(metadata)
evaluation_pairs = evaluation_pairs_table(metadata)

# Replays of turns against another model.
replays = replays_table(metadata)
replay_items = replay_items_table(metadata)
replay_votes = replay_votes_table(metadata)
replay_reveals = replay_reveals_table(metadata)
