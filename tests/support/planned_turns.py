"""Waiting turns as the scheduler plans them, for tests of the statement that queues them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from bot.store.queueing import PlannedTurn
from bot.store.waiting_turns import WaitingConversation
from inference_queue.protocol import Job, Message, Role


def planned(waiting: WaitingConversation, **changes: Any) -> PlannedTurn:
    """The conversation's oldest waiting turn, and a job that asks its text alone."""
    turn = waiting.turns[0]
    fields: dict[str, Any] = {
        "turn_id": turn.id,
        "turn_version": turn.version,
        "conversation_id": waiting.state.id,
        "conversation_version": waiting.state.version,
        "history_at": waiting.state.history_at,
        "job": Job(id=uuid4(), messages=(Message(Role.USER, turn.text),)),
        "preset": "",
    }
    return PlannedTurn(**fields | changes)
