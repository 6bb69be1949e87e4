"""A review queue for tests and pictures of the dashboard: of all answers there are, some judged."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.domain.dashboard_users import Role
from bot.domain.feedback import Reason
from bot.domain.reviews import Judgement, Sampling, Verdict
from bot.store import dashboard_users
from bot.store.reviews import items, judgements, queues
from bot.store.reviews.judgements import Outcome, Writing
from bot.store.reviews.queues import NewQueue

QUEUE = NewQueue(
    name="이번 주 답변", query="", sampling=Sampling.ALL, strata=None, sample_size=None, seed=1,
    reviewers_per_turn=2, reservation_minutes=15, fills_itself=False,
)  # fmt: skip
GOOD = Judgement(verdict=Verdict.GOOD)
WRONG = Judgement(
    verdict=Verdict.BAD,
    reasons=(Reason.WRONG,),
    note="기간이 규정과 다릅니다.",
    correction="받으신 날부터 14일 안에는 환불하실 수 있습니다.",
)
ANSWERED = text("SELECT id FROM turns WHERE answer IS NOT NULL ORDER BY received_at, id")


async def add_reviews(database: AsyncEngine) -> dict[str, str]:
    """The ids of the queue and of a turn that two reviewers differ about."""
    async with database.begin() as connection:
        turn_ids = [*(await connection.execute(ANSWERED)).scalars()]
        names = ("박서준", "이지은")
        users = [await _add_reviewer(connection, name) for name in names]
        queue_id = await queues.create(connection, QUEUE, users[0])
        assert queue_id
        await queues.add_turns(connection, queue_id, turn_ids)
        created = await connection.scalar(text("SELECT max(created_at) FROM review_queues"))
        await queues.mark_filled(connection, queue_id, created, len(turn_ids))
        await _judge(connection, queue_id, users, turn_ids)
        await items.reserve_next(connection, queue_id, users[0])
    return {"queue": str(queue_id), "reviewed": str(turn_ids[1])}


async def _judge(
    connection: AsyncConnection, queue_id: int, users: Sequence[int], turn_ids: Sequence[UUID]
) -> None:
    """Judge all but the last two turns, differently every third time."""
    for number, turn_id in enumerate(turn_ids[:-2]):
        for user in users:
            writing = Writing(turn_id=turn_id, user_id=user, version=0, queue_id=queue_id)
            judged = WRONG if number % 3 == 1 and user == users[0] else GOOD
            assert await judgements.save(connection, writing, judged) is Outcome.SAVED


async def _add_reviewer(connection: AsyncConnection, name: str) -> int:
    user_id = await dashboard_users.add(connection, name, Role.REVIEWER, password_hash=None)
    assert user_id
    return user_id
