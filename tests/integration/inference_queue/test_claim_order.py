"""Whose job is claimed next: people take turns, whatever each of them has in the queue."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from inference_queue.claim_order import Abilities, forget_served
from inference_queue.client import JobQueue
from inference_queue.leases import Lease, LeaseClient
from inference_queue.protocol import Completion, FinishReason, Job, Message, Picture, Role
from inference_queue.reaper import reap
from tests.support.finished_jobs import take_finished

TYPICAL_S = 10.0
DONE = Completion(
    text="네.", finish_reason=FinishReason.STOP, model="m", prompt_tokens=1, completion_tokens=1
)


def question(person: str, *, due_s: float | None = 60.0, life_s: float = 1800.0) -> Job:
    now = datetime.now(UTC)
    return Job(
        id=uuid4(),
        messages=(Message(Role.USER, person),),
        due=None if due_s is None else now + timedelta(seconds=due_s),
        deadline=now + timedelta(seconds=life_s),
        fairness_key=person,
    )


@pytest.fixture
async def leases(database: AsyncEngine, redis: Redis) -> AsyncIterator[LeaseClient]:
    leases = LeaseClient(database, redis, worker="w1", lease_s=600)
    yield leases
    await leases.close()


@dataclass
class Desk:
    """The queue, its worker, and who had to let whom go first."""

    database: AsyncEngine
    queue: JobQueue
    leases: LeaseClient
    running: list[Lease] = field(default_factory=list)
    queued: Counter[str] = field(default_factory=Counter)
    #: For each person who waits without a running job: the claims of others since then.
    passed: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    async def ask(self, *asked: Job) -> None:
        for job in asked:
            async with self.database.begin() as connection:
                await self.queue.enqueue(connection, job)
            self.queued[job.fairness_key] += 1

    async def claim(self, slots: int) -> list[str]:
        """Claim; whose jobs they are. Nobody who waits lets another person pass twice."""
        claimed = await self.leases.claim(slots, typical_s=TYPICAL_S)
        self.running += claimed
        people = [lease.job.fairness_key for lease in claimed]
        for person in people:
            self.queued[person] -= 1
            self.passed.pop(person, None)
        busy = {lease.job.fairness_key for lease in self.running}
        for waiting in +self.queued:
            if waiting not in busy:
                self.passed[waiting].update(filter(None, people))
                assert max(self.passed[waiting].values(), default=0) <= 1, (waiting, people)
        return people

    async def finish(self, lease: Lease) -> str:
        self.running.remove(lease)
        await self.leases.finish(lease, DONE)
        async with self.database.begin() as connection:
            await take_finished(self.queue, connection)
        self.passed.pop(lease.job.fairness_key, None)
        return lease.job.fairness_key

    async def finish_all(self) -> None:
        for lease in list(self.running):
            await self.finish(lease)


@pytest.fixture
def desk(database: AsyncEngine, queue: JobQueue, leases: LeaseClient) -> Desk:
    return Desk(database, queue, leases)


async def test_one_persons_flood_of_conversations_costs_the_others_one_job(desk: Desk) -> None:
    await desk.ask(*(question("flood", due_s=20 + n) for n in range(12)))
    await desk.ask(question("영희", due_s=50), question("민수", due_s=55))
    assert sorted(await desk.claim(3)) == ["flood", "민수", "영희"]


async def test_who_was_just_served_lets_the_waiting_go_first_even_with_an_earlier_due(
    desk: Desk,
) -> None:
    await desk.ask(*(question("flood", due_s=20) for _ in range(3)), question("late", due_s=1))
    assert await desk.claim(1) == ["flood"]
    await desk.finish_all()
    # One slot, and nothing of the first person runs any more.
    assert await desk.claim(1) == ["late"]


async def test_the_next_question_of_a_conversation_comes_behind_those_who_waited(
    desk: Desk,
) -> None:
    await desk.ask(question("flood"), question("영희", due_s=1), question("민수", due_s=1))
    assert await desk.claim(1) == ["flood"]
    await desk.finish_all()
    await desk.ask(question("flood", due_s=30))
    assert {*await desk.claim(1), *await desk.claim(1)} == {"영희", "민수"}


async def test_a_person_alone_gets_every_slot(desk: Desk) -> None:
    await desk.ask(*(question("flood") for _ in range(4)))
    assert await desk.claim(4) == ["flood"] * 4


async def test_people_without_earlier_jobs_are_claimed_by_their_due_times(desk: Desk) -> None:
    await desk.ask(
        question("셋째", due_s=40), question("첫째", due_s=20), question("둘째", due_s=30)
    )
    assert [await desk.claim(1) for _ in range(3)] == [["첫째"], ["둘째"], ["셋째"]]


async def test_a_job_given_back_keeps_its_place(desk: Desk) -> None:
    await desk.ask(question("첫째", due_s=20), question("둘째", due_s=30))
    await desk.claim(1)
    [lease] = desk.running
    await desk.leases.release(lease, counts=False)
    assert [one.job.fairness_key for one in await desk.leases.claim(1, typical_s=TYPICAL_S)] == [
        "첫째"
    ]


async def test_jobs_of_the_previous_version_count_as_one_person_each(desk: Desk) -> None:
    await desk.ask(*(question("", due_s=20 + n) for n in range(3)), question("영희", due_s=50))
    assert await desk.claim(2) == ["", ""]
    assert await desk.claim(1) == [""]


async def test_old_claims_are_forgotten(desk: Desk) -> None:
    await desk.ask(question("영희"), question("민수"))
    await desk.claim(2)
    async with desk.database.begin() as connection:
        await connection.execute(
            text("UPDATE fairness_keys SET served_at = now() - interval '2 h' WHERE key = '영희'")
        )
        assert await forget_served(connection) == 1
        assert (await connection.scalars(text("SELECT key FROM fairness_keys"))).all() == ["민수"]


@dataclass
class Conversation:
    """A conversation and the number of its questions that are still to come."""

    person: str
    left: int


def mix_of_floods(rng: random.Random) -> list[Conversation]:
    """People with one conversation or many, each with one question or a row of them."""
    mix = [
        Conversation(person=f"p{number}", left=rng.choice((1, 2, 8)))
        for number in range(rng.randint(2, 5))
        for _ in range(rng.choice((1, 1, 2, 6)))
    ]
    rng.shuffle(mix)
    return mix


@pytest.mark.parametrize("seed", range(12))
async def test_nobody_waits_for_more_than_one_job_of_each_other_person(
    desk: Desk, seed: int
) -> None:
    rng = random.Random(seed)
    slots, to_come = rng.choice((1, 2, 4)), mix_of_floods(rng)
    asked: dict[UUID, Conversation] = {}

    async def ask(conversation: Conversation) -> None:
        """As the bot does: a conversation has one job at a time."""
        conversation.left -= 1
        due_s = rng.choice((None, 1.0, 15.0, 30.0, 60.0))
        job = question(conversation.person, due_s=due_s, life_s=rng.choice((90.0, 1800.0)))
        asked[job.id] = conversation
        await desk.ask(job)

    while to_come or desk.running or desk.queued.total():
        for _ in range(min(rng.randint(0, 3), len(to_come))):
            await ask(to_come.pop())
        await desk.claim(slots - len(desk.running))
        assert len(desk.running) == slots or not desk.queued.total(), "a slot is left idle"
        if desk.running:
            lease = rng.choice(desk.running)
            await desk.finish(lease)
            if asked[lease.job.id].left:
                await ask(asked[lease.job.id])


async def test_pictures_wait_for_a_worker_that_sees_and_hold_nobody_up(
    database: AsyncEngine, redis: Redis, leases: LeaseClient
) -> None:
    queue = JobQueue(redis)
    seen = Message(Role.USER, "이게 뭐야?", (Picture("image/png", "AAAA"),))
    photo, text_only = Job(id=uuid4(), messages=(seen,)), question("가")
    async with database.begin() as connection:
        await queue.enqueue(connection, photo, text_only)
    assert await leases.next_jobs(4, abilities=Abilities(sees=False)) == [text_only.id]
    assert await leases.claim_one(photo.id, abilities=Abilities(sees=False)) == []
    assert [lease.job.id for lease in await leases.claim(4, abilities=Abilities(sees=False))] == [
        text_only.id
    ]
    [lease] = await leases.claim(4)
    assert lease.job.messages == (seen,)


async def test_pictures_for_an_adapter_are_taken_to_be_declined_where_nobody_sees_with_it(
    database: AsyncEngine, redis: Redis, leases: LeaseClient
) -> None:
    queue = JobQueue(redis)
    seen = Message(Role.USER, "이게 뭐야?", (Picture("image/png", "aGVsbG8="),))
    pictures = [
        replace(question("가"), messages=(seen,), adapter=name) for name in ("support", "sales", "")
    ]
    both = ["support", "sales"]
    async with database.begin() as connection:
        await queue.enqueue(connection, *pictures)
    assert await leases.claim(4, abilities=Abilities(sees=False, adapters=both)) == []
    [lease] = await leases.claim(
        4, abilities=Abilities(sees=False, adapters=both, unseen=["support"])
    )
    assert lease.job == pictures[0]


async def test_a_job_that_names_an_adapter_waits_for_a_worker_that_has_it(
    database: AsyncEngine, redis: Redis, leases: LeaseClient
) -> None:
    queue = JobQueue(redis)
    adapted, plain = replace(question("나"), adapter="support"), question("가")
    async with database.begin() as connection:
        await queue.enqueue(connection, adapted, plain)
    assert await leases.claim_one(adapted.id, abilities=Abilities(adapters=["sales"])) == []
    assert await leases.next_jobs(4) == [plain.id]
    assert [
        lease.job for lease in await leases.claim(4, abilities=Abilities(adapters=["sales"]))
    ] == [plain]
    assert await leases.next_jobs(4, abilities=Abilities(adapters=["sales", "support"])) == [
        adapted.id
    ]
    assert [
        lease.job for lease in await leases.claim(4, abilities=Abilities(adapters=["support"]))
    ] == [adapted]


#: Of the version before adapters had names, in the parts that choose.
PREVIOUS_CLAIM = text(
    """
    SELECT id FROM jobs WHERE state = 'queued' AND run_after <= now() AND NOT cancel_requested
    AND (deadline IS NULL OR deadline > now())
    """
)


async def test_workers_of_the_previous_version_never_claim_a_job_that_names_an_adapter(
    database: AsyncEngine, redis: Redis, leases: LeaseClient
) -> None:
    """They would refuse it. The new ones have it at once, and again once it was given back."""
    queue = JobQueue(redis)
    adapted, plain = replace(question("나"), adapter="support"), question("가")

    async def claimed() -> Lease:
        async with database.begin() as connection:
            assert list(await connection.scalars(PREVIOUS_CLAIM)) == [plain.id]
        [lease] = await leases.claim_one(adapted.id, abilities=Abilities(adapters=["support"]))
        return lease

    async with database.begin() as connection:
        await queue.enqueue(connection, adapted, plain)
    await leases.release(await claimed(), counts=False)
    assert await leases.release(await claimed(), delay_s=3600, counts=False)
    assert (
        await leases.claim(4, abilities=Abilities(adapters=["support"]), excluded=[plain.id]) == []
    )
    await passed(database, "run_after", "1 hour")
    await claimed()
    await passed(database, "lease_until", "1 hour")
    async with database.begin() as connection:
        assert await reap(connection) == 1
    assert (await claimed()).job == adapted


async def passed(database: AsyncEngine, column: str, time: str) -> None:
    """Let the job with an adapter be older."""
    async with database.begin() as connection:
        change = f"UPDATE jobs SET {column} = {column} - interval '{time}' WHERE adapter <> ''"
        await connection.execute(text(change))
