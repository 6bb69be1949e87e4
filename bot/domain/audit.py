"""What is written down of the dashboard's use: who did what, from where, with whose data.

The access records that Korea's Standards for Measures to Secure the Safety of Personal Information
(article 8) ask for: the user, the time, the address, the people concerned, and the act.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class AuditAction(StrEnum):
    """What was done. The table may hold others: a newer bot's."""

    LOGIN = "login"
    LOGOUT = "logout"
    LOGIN_REFUSED = "login_refused"
    CODE_REFUSED = "code_refused"
    ROLE_REFUSED = "role_refused"
    TURNS_READ = "turns_read"
    CONVERSATION_READ = "conversation_read"
    CONVERSATION_UNMASKED = "conversation_unmasked"
    TURN_READ = "turn_read"
    PROMPT_READ = "prompt_read"
    REQUEST_READ = "request_read"
    PICTURE_READ = "picture_read"
    PERSON_READ = "person_read"
    ROOM_READ = "room_read"
    SEARCH_SAVED = "search_saved"
    SEARCH_DELETED = "search_deleted"
    TURN_SENT_AGAIN = "turn_sent_again"
    DEAD_LETTERS_SENT_AGAIN = "dead_letters_sent_again"
    ORDER_STOPPED = "order_stopped"
    REPLAY_ORDERED = "replay_ordered"
    REPLAY_STOPPED = "replay_stopped"
    REPLAY_RESUMED = "replay_resumed"
    REPLAY_READ = "replay_read"
    REPLAY_VOTED = "replay_voted"
    REPLAY_REVEALED = "replay_revealed"
    REPLAY_EXPORTED = "replay_exported"
    LIVE_WATCHED = "live_watched"
    ALERT_ACKNOWLEDGED = "alert_acknowledged"
    ALERT_SILENCED = "alert_silenced"
    EXPORT_ORDERED = "export_ordered"
    EXPORT_DOWNLOADED = "export_downloaded"
    EXPORT_CANCELLED = "export_cancelled"
    DATASET_BUILT = "dataset_built"
    DATASET_READ = "dataset_read"
    DATASET_DELETED = "dataset_deleted"
    EVALUATION_ADDED = "evaluation_added"
    EVALUATION_READ = "evaluation_read"
    EVALUATION_DELETED = "evaluation_deleted"
    OPT_OUT_RECORDED = "opt_out_recorded"
    OPT_OUT_REVOKED = "opt_out_revoked"
    CONFIG_PUBLISHED = "config_published"
    CONFIG_RESTORED = "config_restored"
    DRAFT_SAVED = "draft_saved"
    DRAFT_MOVED = "draft_moved"
    DRAFT_DISCARDED = "draft_discarded"
    SANDBOX_ASKED = "sandbox_asked"
    SANDBOX_CLEARED = "sandbox_cleared"
    USER_ADDED = "user_added"
    USER_ROLE_CHANGED = "user_role_changed"
    USER_DISABLED = "user_disabled"
    USER_ENABLED = "user_enabled"
    USER_PASSWORD_SET = "user_password_set"  # noqa: S105 - the name of an act
    USER_FACTOR_RESET = "user_factor_reset"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the name of an act
    LANGUAGE_CHANGED = "language_changed"
    FACTOR_SWITCHED_ON = "factor_switched_on"
    FACTOR_SWITCHED_OFF = "factor_switched_off"
    RECOVERY_CODE_USED = "recovery_code_used"
    RECOVERY_CODES_MADE = "recovery_codes_made"
    REVIEW_QUEUE_CREATED = "review_queue_created"
    REVIEW_QUEUE_CLOSED = "review_queue_closed"
    REVIEW_QUEUE_OPENED = "review_queue_opened"
    REVIEW_QUEUE_DELETED = "review_queue_deleted"
    REVIEW_READ = "review_read"
    REVIEW_WRITTEN = "review_written"
    REVIEW_DECLINED = "review_declined"
    REVIEW_DECIDED = "review_decided"
    AGREEMENT_READ = "agreement_read"
    RETENTION_CHANGED = "retention_changed"
    PERSON_BLOCKED = "person_blocked"
    PERSON_UNBLOCKED = "person_unblocked"
    PERSON_ERASED = "person_erased"
    PERSON_EXPORTED = "person_exported"
    BLOCKED_READ = "blocked_read"
    USERS_READ = "users_read"
    AUDIT_READ = "audit_read"
    AUDIT_TRIMMED = "audit_trimmed"


#: The actor of what the command line did.
COMMAND_LINE = "(command line)"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One act, before the database gives it its number, its time and its hash.

    ``details`` holds names, counts and pseudonyms, never the words or numbers of people.
    """

    actor: str  #: a user's name; empty: a stranger
    action: AuditAction
    object: str = ""  #: such as conversation:12, turn:ID, user:NAME
    details: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""  #: in the actor's own words
    address: str = ""  #: from where
