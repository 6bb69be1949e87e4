"""Jobs planned before the accept of their message, so that one statement does both.

This bot remembers how the conversations stood when it settled their last turns. What it remembers
decides nothing: the accept compares it with the conversation (``bot.store.early_jobs``).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from bot.conversation.job_planner import JobPlanner
from bot.domain.turns import Utterance
from bot.store.conversations import ConversationKey, ConversationState
from bot.store.early_jobs import EarlyJob
from bot.store.inbox import Accepted
from bot.store.settlements import SettledTurn
from bot.store.waiting_turns import only_turn

#: In a rush the scheduler queues many jobs in one statement, and accepts do not wait for histories.
MAX_EARLY = 8
#: Above the time of a read of Redis. An accept waits no longer for its jobs.
PLAN_S = 0.03
#: Where Redis was slower, accepts do not wait again for so long.
REST_S = 2.0
#: Conversations remembered, about 1 kB each.
MAX_REMEMBERED = 10_000
#: The accept assigns the turn's id and seq; no prompt contains them.
_NO_ID = UUID(int=0)

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class EarlyPlanner:
    """Plans the jobs of messages to conversations without an open turn, as far as it knows."""

    def __init__(self, planner: JobPlanner, *, merge_window_s: float = 0.0) -> None:
        """``merge_window_s``: the time in which messages become one; above 0 nothing is planned."""
        self._planner = planner
        self._is_on = not merge_window_s
        self._keys: dict[int, ConversationKey] = {}
        self._expected: dict[ConversationKey, ConversationState] = {}
        self._rests_until = 0.0  # monotonic

    def note_accepted(self, utterance: Utterance, accepted: Accepted) -> None:
        """Remember the key of the conversation, which a settlement names by its id."""
        if self._is_on:
            _remember(self._keys, accepted.conversation_id, _key(utterance))

    def note_settled(self, turn: SettledTurn) -> None:
        """Remember how the turn leaves its conversation, if its answer is the history's newest."""
        key = self._keys.get(turn.conversation_id)
        if key is None or turn.previous is None or turn.more:
            return
        state = ConversationState(
            id=turn.conversation_id,
            version=0,
            messenger=key.messenger,
            tenant=key.tenant,
            room="",
            epoch=turn.epoch,
            history_seq=turn.seq,
            history_at=turn.settled_at,
        )
        _remember(self._expected, key, state)

    async def plan(self, utterances: Sequence[Utterance]) -> list[EarlyJob | None]:
        """The job of each utterance; None where it has to be planned after its accept.

        Empty where that is so of all. What is remembered of a conversation is used once: after a
        fault its message is accepted without a job.
        """
        states = [self._expected.pop(_key(utterance), None) for utterance in utterances]
        if len(utterances) > MAX_EARLY or any(utterance.pictures for utterance in utterances):
            return []
        known = {
            state.id: only_turn(one, replace(state, room=one.room), turn_id=_NO_ID, seq=0)
            for one, state in zip(utterances, states, strict=True)
            if state is not None and _is_plain(one)
        }
        if not known or time.monotonic() < self._rests_until:
            return []
        try:
            async with asyncio.timeout(PLAN_S):
                plans = await self._planner.plan_usual(list(known.values()))
        except TimeoutError:
            self._rests_until = time.monotonic() + REST_S
            return []
        jobs = {plan.burst.state.id: plan.early for plan in plans}
        return [jobs.get(state.id) if state else None for state in states]


def _is_plain(utterance: Utterance) -> bool:
    """Whether its job needs no other turn and no pictures."""
    return not (utterance.media or utterance.regenerates or utterance.continues)


def _key(utterance: Utterance) -> ConversationKey:
    return ConversationKey(
        messenger=utterance.messenger, tenant=utterance.tenant, key=utterance.conversation_key
    )


def _remember(memory: dict[Key, Value], key: Key, value: Value) -> None:
    """Keep the value as the newest; the oldest is forgotten."""
    memory.pop(key, None)
    memory[key] = value
    if len(memory) > MAX_REMEMBERED:
        del memory[next(iter(memory))]
