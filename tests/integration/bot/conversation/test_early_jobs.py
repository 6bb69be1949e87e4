"""A job is queued with the accept of its message only if what it was planned from still stands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Text, bindparam, text

from bot.conversation import early_planner
from bot.conversation.accept_batcher import HumanAnswersError
from bot.conversation.early_planner import MAX_EARLY
from bot.domain.pictures import Picture
from bot.domain.turns import Utterance
from bot.store import inbox
from bot.store.early_jobs import EarlyJob
from bot.store.inbox import Accepted, NotAccepted
from runtime import redis_connection
from runtime.redis_client import sharing_pool
from tests.integration.bot.conversation.conversation_parts import Parts, running_parts, utterance
from tests.integration.bot.conversation.meanwhile import (
    OTHER,
    Write,
    call_human,
    delete_as_the_previous_version,
    delete_what_is_old,
    erase,
    reset,
)
from tests.integration.bot.privacy.erasers import an_eraser
from tests.support.blocked import until_blocked
from tests.support.seen_statements import seen_statements

#: A key of advisory locks that only these tests use.
PAUSE = 4712


@dataclass
class Meanwhile:
    """What another one writes between the plan and the accept, and what may come of it."""

    write: Write
    history: str = "옛 답, 새 답"  #: the answers in the job's prompt
    early: bool = False  #: whether the job is queued with the accept
    accepted: bool = True
    question: dict[str, Any] = field(default_factory=dict)  #: fields of the question


async def nothing(parts: Parts) -> None:
    """Nobody writes."""


async def accept_another(parts: Parts) -> None:
    await parts.wait("하나 더", key="room")


async def settle_anew(parts: Parts) -> None:
    """After a crash of Postgres that undid the settlement, with another answer."""
    await parts.execute(
        "UPDATE turns SET answer = '다른 답', settled_at = settled_at + interval '1 second'"
        " WHERE text = '새 질문'"
    )


async def answer_elsewhere(parts: Parts) -> None:
    async with parts.other_bot() as other:
        await other.wait("딴 질문", key="room")
        await other.schedule_all()
        assert await other.work("딴 답") == 1
        assert await other.settler.settle() == 1


async def begin_anew(parts: Parts) -> None:
    """All was erased, and as much was asked again."""
    await parts.execute("DELETE FROM conversations")
    for _ in range(2):
        await answer_elsewhere(parts)


MEANWHILE = {
    "nothing": Meanwhile(nothing, early=True),
    "accept": Meanwhile(accept_another),
    "reset": Meanwhile(reset, history=""),
    "silence": Meanwhile(nothing, history="", question={"idle_after_s": 0.0}),
    "human": Meanwhile(call_human, accepted=False),
    "erasure": Meanwhile(erase(OTHER), history=""),
    "retention": Meanwhile(delete_what_is_old, history="새 답"),
    # It leaves the history in Redis, where it lasts for an hour.
    "previous retention": Meanwhile(delete_as_the_previous_version("옛 질문")),
    "its newest": Meanwhile(delete_as_the_previous_version("새 질문"), history="옛 답"),
    "crash": Meanwhile(settle_anew, history="옛 답, 다른 답"),
    "all anew": Meanwhile(begin_anew, history="딴 답, 딴 답"),
    "answer": Meanwhile(answer_elsewhere, history="옛 답, 새 답, 딴 답"),
}


@pytest.fixture(autouse=True)
def plan_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine plans in time."""
    monkeypatch.setattr(early_planner, "PLAN_S", 30.0)


@pytest.fixture
async def parts(database_url: str, redis_url: str) -> AsyncIterator[Parts]:
    async with running_parts(database_url, redis_url, fault_pause_s=0.01) as parts:
        yield parts


def said(words: str, **fields: Any) -> Utterance:
    return utterance(words, **{"key": "room", **fields})


async def answered(parts: Parts, words: str, answer: str, **fields: Any) -> None:
    """Asked, answered and delivered."""
    await parts.inbox.submit(said(words, **fields))
    await parts.scheduler.close()
    assert await parts.work(answer) == 1
    assert await parts.settler.settle() == 1
    await parts.execute("UPDATE deliveries SET state = 'delivered'")


async def two_answers(parts: Parts) -> None:
    """The room's history is in Redis, its settings are stored, and this bot knows both."""
    old = datetime.now(UTC) - timedelta(days=90)
    await answered(parts, "옛 질문", "옛 답", sender="U2", received_at=old)
    await answered(parts, "새 질문", "새 답")


async def accept(
    parts: Parts, question: Utterance, jobs: Sequence[EarlyJob | None]
) -> Accepted | NotAccepted:
    async with parts.database.begin() as connection:
        [accepted] = await inbox.accept(connection, [question], jobs=jobs)
    return accepted


async def before_the_statement(
    parts: Parts, race: Meanwhile, question: Utterance, _: pytest.MonkeyPatch
) -> Accepted | NotAccepted:
    jobs = await parts.early.plan([question])
    assert any(jobs)
    await race.write(parts)
    return await accept(parts, question, jobs)


async def within_the_statement(
    parts: Parts, race: Meanwhile, question: Utterance, monkeypatch: pytest.MonkeyPatch
) -> Accepted | NotAccepted:
    """Between the statement's snapshot and its locks."""
    jobs = await parts.early.plan([question])
    assert any(jobs)
    monkeypatch.setattr(inbox, "ACCEPT_JOBS", _paused())
    async with parts.database.connect() as holder:
        await holder.execute(text(f"SELECT pg_advisory_lock({PAUSE})"))
        accepting = asyncio.create_task(accept(parts, question, jobs))
        await until_blocked(parts.database)
        await race.write(parts)
        await holder.execute(text(f"SELECT pg_advisory_unlock({PAUSE})"))
    return await accepting


def _paused() -> Any:
    """The statement, which waits for the lock once it has its snapshot."""
    wait = f":utterances || CAST(pg_advisory_xact_lock({PAUSE}) AS text)"
    return text(inbox.ACCEPT_JOBS.text.replace(":utterances", wait, 1)).bindparams(
        bindparam("utterances", type_=Text), bindparam("payloads", type_=Text)
    )


async def prompts(parts: Parts) -> list[str]:
    """The answers in the prompt of each job."""
    found = await parts.rows("SELECT payload -> 'messages' AS messages FROM jobs")
    return [
        ", ".join(
            one["content"].split(":")[0] for one in row.messages if one["role"] == "assistant"
        )
        for row in found
    ]


@pytest.mark.parametrize("moment", [before_the_statement, within_the_statement])
@pytest.mark.parametrize("name", MEANWHILE)
async def test_no_job_is_queued_that_is_not_true_any_more(
    parts: Parts, name: str, moment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    race = MEANWHILE[name]
    await two_answers(parts)
    accepted = await moment(parts, race, said("질문", **race.question), monkeypatch)
    if not race.accepted:
        assert accepted is NotAccepted.HUMAN
        assert await prompts(parts) == []
        return
    assert (accepted.job_id is not None) is race.early
    assert await prompts(parts) == [race.history] * race.early
    await parts.schedule_all()
    assert await prompts(parts) == [race.history]


async def test_an_erasure_erases_what_was_queued_while_it_waited(
    parts: Parts, redis_url: str
) -> None:
    await two_answers(parts)
    question = said("질문", sender=OTHER.sender)
    jobs = await parts.early.plan([question])
    async with an_eraser(parts.database, redis_url) as eraser:
        async with parts.database.begin() as accepting:
            await inbox.accept(accepting, [question], jobs=jobs)
            erasing = asyncio.create_task(eraser.erase_all(OTHER))
            await until_blocked(parts.database)
        await erasing
    assert await parts.statuses() == {"새 질문": "answered"}
    assert await prompts(parts) == []


async def test_a_queued_turn_is_as_if_it_had_been_scheduled(parts: Parts) -> None:
    written = (
        "SELECT status, queued_at IS NOT NULL AS queued, job_id = jobs.id AS job, preset,"
        " config_version, prompt_settings, history_seqs, turns.prompt, jobs.payload - 'id' - 'due'"
        " - 'deadline' AS payload, jobs.fairness_key, jobs.run_after <= now() AS runs"
        " FROM turns JOIN jobs ON jobs.id = turns.job_id"
    )
    rows = []
    for early in (True, False):
        await parts.execute("TRUNCATE conversations RESTART IDENTITY CASCADE", "DELETE FROM jobs")
        await two_answers(parts)
        jobs = await parts.early.plan([said("질문")]) if early else []
        accepted = await accept(parts, said("질문", prompt="읽을 질문"), jobs)
        assert isinstance(accepted, Accepted)
        assert (accepted.job_id is not None) is early
        await parts.schedule_all()
        [row] = await parts.rows(written)
        rows.append(row._asdict())
    rows[0]["payload"]["messages"][-1]["content"] = "읽을 질문"
    assert rows[0] == rows[1]


async def test_a_message_of_a_known_conversation_costs_one_statement(parts: Parts) -> None:
    await two_answers(parts)
    with seen_statements(parts.database) as seen:
        accepted = await parts.inbox.submit(said("질문"))
        await parts.scheduler.close()
    [statement] = seen
    assert "INSERT INTO conversations" in statement
    assert "INSERT INTO jobs" in statement
    assert accepted.job_id is not None
    assert await parts.work("답") == 1
    assert await parts.settler.settle() == 1
    assert (await parts.statuses())["질문"] == "answered"


PICTURE = Picture(content=b"\xff\xd8\xff", width=1, height=1)


@pytest.mark.parametrize(
    "fields",
    [
        {"media": ({"type": "image"},)},
        {"media": ({"type": "image"},), "pictures": (PICTURE,)},
        {"regenerates": uuid4()},
        {"continues": uuid4()},
    ],
    ids=["media", "picture", "again", "more"],
)
async def test_what_needs_more_than_its_own_words_is_planned_after_its_accept(
    parts: Parts, fields: dict[str, Any]
) -> None:
    await two_answers(parts)
    assert not any(await parts.early.plan([said("질문", **fields)]))


async def test_a_picture_in_the_same_batch_is_kept(parts: Parts) -> None:
    await two_answers(parts)
    shown = said("사진", key="other", media=({"type": "image"},), pictures=(PICTURE,))
    both = [said("질문"), shown]
    jobs = await parts.early.plan(both[:1])
    async with parts.database.begin() as connection:
        taken = await inbox.accept(connection, both, jobs=[*jobs, None])
    assert [isinstance(one, Accepted) and one.job_id for one in taken] == [None, None]
    assert len(await parts.rows("SELECT turn_id FROM turn_pictures")) == 1


async def test_a_rush_is_planned_after_its_accepts(parts: Parts) -> None:
    for number in range(MAX_EARLY + 1):
        await answered(parts, "질문", "답", key=f"room {number}")
    rush = [said("질문", key=f"room {number}") for number in range(MAX_EARLY + 1)]
    assert await parts.early.plan(rush) == []
    for number in range(MAX_EARLY):
        await answered(parts, "또", "답", key=f"room {number}")
    assert all(await parts.early.plan(rush[:MAX_EARLY]))
    assert not any(await parts.early.plan(rush[:MAX_EARLY]))  # each is used once


async def test_above_the_maximum_the_oldest_conversation_is_forgotten(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(early_planner, "MAX_REMEMBERED", 2)
    for number in range(3):
        await answered(parts, "질문", "답", key=f"room {number}")
    jobs = await parts.early.plan([said("또", key=f"room {number}") for number in range(3)])
    assert [job is not None for job in jobs] == [False, True, True]


@pytest.mark.parametrize("window_s", [0.0, 5.0])
async def test_messages_that_may_become_one_are_not_queued_with_their_accept(
    database_url: str, redis_url: str, window_s: float
) -> None:
    async with running_parts(database_url, redis_url, merge_window_s=window_s) as parts:
        long_ago = datetime.now(UTC) - timedelta(minutes=1)
        await answered(parts, "질문", "답", received_at=long_ago)
        assert any(await parts.early.plan([said("또")])) is (window_s == 0)


async def test_a_message_waits_for_no_redis_that_hangs(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    await two_answers(parts)
    monkeypatch.setattr(early_planner, "PLAN_S", 0.03)
    monkeypatch.setattr(redis_connection, "ANSWER_S", 60.0)
    await parts.redis.client_pause(3000)
    resumed = asyncio.create_task(sharing_pool(parts.redis).shared.execute(("PING",)))
    assert await parts.early.plan([said("질문")]) == []
    assert not resumed.done()
    await resumed
    assert (await parts.inbox.submit(said("질문"))).job_id is None
    await parts.scheduler.close()
    assert await prompts(parts) == ["옛 답, 새 답"]


async def test_messages_wait_but_now_and_then_for_a_slow_redis(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    for rest_s in (0.0, 600.0):
        monkeypatch.setattr(early_planner, "REST_S", rest_s)
        for key in ("room", "next"):
            await answered(parts, "질문", "답", key=key)
        with monkeypatch.context() as slow:
            slow.setattr(early_planner, "PLAN_S", 0.0)
            assert await parts.early.plan([said("또")]) == []
        assert any(await parts.early.plan([said("또", key="next")])) is (rest_s == 0)


async def test_a_job_that_postgres_refuses_keeps_no_message_out(parts: Parts) -> None:
    await two_answers(parts)
    await parts.execute(
        "ALTER TABLE jobs ADD CONSTRAINT refused CHECK (payload #>> '{messages,-1,content}'"
        " <> '질문') NOT VALID"
    )
    try:
        accepted = await parts.inbox.submit(said("질문"))
    finally:
        await parts.scheduler.close()
        await parts.execute("ALTER TABLE jobs DROP CONSTRAINT refused")
    assert accepted.new
    assert accepted.job_id is None


async def test_a_repeated_event_is_queued_once_by_any_number_of_bots(parts: Parts) -> None:
    await two_answers(parts)
    question = said("질문")
    [early] = await parts.early.plan([question])
    assert early is not None
    planned = [replace(early, job=replace(early.job, id=uuid4())) for _ in range(8)]
    taken = await asyncio.gather(*(accept(parts, question, [one]) for one in planned))
    assert len({one.turn_id for one in taken if isinstance(one, Accepted)}) == 1
    assert len(await prompts(parts)) == 1


async def test_of_messages_at_once_one_is_queued_and_the_others_wait(parts: Parts) -> None:
    await two_answers(parts)
    jobs = await parts.early.plan([said("질문")])
    taken = await asyncio.gather(*(accept(parts, said(f"질문 {n}"), jobs) for n in range(8)))
    queued = [one for one in taken if isinstance(one, Accepted) and one.job_id]
    assert len(queued) == len(await prompts(parts)) == 1
    waiting = await parts.rows("SELECT id FROM turns WHERE status = 'received'")
    assert len(waiting) == 7


async def test_a_human_is_not_disturbed(parts: Parts) -> None:
    await two_answers(parts)
    await call_human(parts)
    with pytest.raises(HumanAnswersError):
        await parts.inbox.submit(said("질문"))
