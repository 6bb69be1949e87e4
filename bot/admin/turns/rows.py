"""Rows of the dashboard's queries, named after the glossary.

States are plain strings here: a newer bot on the same schema may store one that this version does
not know, and the page then shows its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bot.admin.turns.filters import Cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRow:
    """A turn with its delivery; the delivery's columns are None where it has none."""

    id: UUID
    conversation_id: int
    seq: int
    messenger: str
    tenant: str
    sender: str
    text: str  #: in the list of turns only its beginning
    media_count: int
    answer: str | None  #: in the list of turns only its beginning
    status: str
    failure_reason: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    received_at: datetime
    settled_at: datetime | None
    delivery_via: str | None
    delivery_state: str | None
    delivery_attempts: int | None
    delivery_detail: str | None
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnPage:
    """Turns, newest first, and where the older ones begin."""

    turns: Sequence[TurnRow]
    after: Cursor | None
    reached: datetime | None = None  #: the time was over: older turns were not looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnPosition:
    """Where a turn stands in its conversation."""

    conversation_id: int
    seq: int
