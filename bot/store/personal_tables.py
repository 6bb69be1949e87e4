"""Each table, and what becomes of its rows about a person who is erased or asks for all of them.

The one place that says so: a table without a rule here fails a test, and so does a rule that the
foreign keys do not keep.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class Erased(Enum):
    """How an erasure reaches a table."""

    WITH_ITS_TURN = "its turns are deleted, and it with them by its foreign key"
    WITH_ITS_CONVERSATION = "the same with conversations"
    BY_STATEMENT = "the eraser has a statement for it"
    KEEPS_A_DIGEST = "what is left holds a digest or a pseudonym, and no personal data"
    HOLDS_NO_PERSON = "it holds nothing of the people who talk with the bot"
    EXPIRES = "its rows go by themselves, within a day at most"
    STAFF = "words of the dashboard's own users, which go within a day or when they are published"


TABLES: Mapping[str, Erased] = {
    "turns": Erased.BY_STATEMENT,
    "conversations": Erased.BY_STATEMENT,
    "jobs": Erased.BY_STATEMENT,
    "deliveries": Erased.WITH_ITS_TURN,
    "delivery_attempts": Erased.WITH_ITS_TURN,
    "turn_pictures": Erased.WITH_ITS_TURN,
    "posts": Erased.WITH_ITS_TURN,
    "feedback": Erased.WITH_ITS_TURN,  # votes on others' answers: by statement
    "search_entries": Erased.WITH_ITS_TURN,
    "reviews": Erased.WITH_ITS_TURN,
    "review_items": Erased.WITH_ITS_TURN,
    "review_verdicts": Erased.WITH_ITS_TURN,
    "judged_turns": Erased.WITH_ITS_TURN,
    "replay_items": Erased.WITH_ITS_TURN,
    "replay_votes": Erased.WITH_ITS_TURN,
    "dataset_items": Erased.WITH_ITS_TURN,
    "dataset_checks": Erased.WITH_ITS_TURN,
    "evaluation_pairs": Erased.WITH_ITS_TURN,
    "conversation_events": Erased.WITH_ITS_CONVERSATION,  # in others' ones: by statement
    "slack_installations": Erased.BY_STATEMENT,
    "saved_searches": Erased.BY_STATEMENT,
    "background_jobs": Erased.BY_STATEMENT,  # with what they were asked for
    "exports": Erased.BY_STATEMENT,
    "export_parts": Erased.BY_STATEMENT,
    "export_people": Erased.BY_STATEMENT,
    "review_queues": Erased.BY_STATEMENT,  # their searches may name somebody
    "replays": Erased.BY_STATEMENT,
    "datasets": Erased.BY_STATEMENT,
    "blocked_people": Erased.KEEPS_A_DIGEST,
    "erasure_orders": Erased.KEEPS_A_DIGEST,
    "erasures": Erased.KEEPS_A_DIGEST,
    "audit_log": Erased.KEEPS_A_DIGEST,
    "training_opt_outs": Erased.KEEPS_A_DIGEST,
    "replay_reveals": Erased.HOLDS_NO_PERSON,
    "evaluations": Erased.HOLDS_NO_PERSON,
    "config_drafts": Erased.STAFF,
    "sandbox_questions": Erased.STAFF,
    "sandbox_answers": Erased.STAFF,
    "search_queue": Erased.EXPIRES,
    "recent_events": Erased.EXPIRES,
    "fairness_keys": Erased.EXPIRES,
    "search_segments": Erased.HOLDS_NO_PERSON,
    "statistics": Erased.HOLDS_NO_PERSON,
    "statistics_bots": Erased.HOLDS_NO_PERSON,
    "statistics_progress": Erased.HOLDS_NO_PERSON,
    "statistics_open": Erased.HOLDS_NO_PERSON,
    "bulk_resends": Erased.HOLDS_NO_PERSON,
    "alert_channels": Erased.HOLDS_NO_PERSON,
    "alerts": Erased.HOLDS_NO_PERSON,
    "bot_configs": Erased.HOLDS_NO_PERSON,
    "config_readers": Erased.HOLDS_NO_PERSON,
    "prompt_settings": Erased.HOLDS_NO_PERSON,
    "retention_rules": Erased.HOLDS_NO_PERSON,
    "retention_runs": Erased.HOLDS_NO_PERSON,
    "slack_bots": Erased.HOLDS_NO_PERSON,
    "slack_oauth_states": Erased.EXPIRES,
    "dashboard_users": Erased.HOLDS_NO_PERSON,
    "dashboard_identities": Erased.HOLDS_NO_PERSON,
    "ended_sessions": Erased.HOLDS_NO_PERSON,
}
