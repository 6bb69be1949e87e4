"""A job is planned from a read without locks: whatever is written meanwhile, it is never untrue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from bot.conversation import enqueuer
from bot.domain.deliveries import DeliveryVia, ReplyHandle
from bot.domain.pictures import Picture
from bot.domain.state_machine import turn_before
from bot.domain.turns import Person, TurnStatus
from bot.store import (
    cancellation,
    erasure,
    inbox,
    queueing,
    scheduling,
    sweeping,
)
from tests.integration.bot.conversation.conversation_parts import Parts, running_parts, utterance
from tests.integration.bot.conversation.meanwhile import (
    OTHER,
    ROOM,
    Write,
    call_human,
    delete_as_the_previous_version,
    delete_what_is_old,
    erase,
    reset,
)
from tests.support.blocked import until_blocked

LONG_AGO = datetime.now(UTC) - timedelta(minutes=1)
#: A key of advisory locks that only these tests use.
PAUSE = 4711


@dataclass
class Meanwhile:
    """A race: what another connection writes, and what may come of the waiting question."""

    write: Write
    asks: str | None = "질문"  #: what the one job asks; None: there is no job
    status: str = "queued"  #: the question's; "": it is gone
    history: bool = True  #: whether the job has the earlier answer
    question: dict[str, Any] = field(default_factory=dict)  #: fields of the waiting question
    #: The statement's own snapshot sees it: between it and the lock that would be too late.
    in_snapshot: bool = False


# --- what others write ------------------------------------------------------------------------


async def turn_id(parts: Parts) -> UUID:
    [row] = await parts.rows("SELECT id FROM turns WHERE text = '질문'")
    return UUID(str(row.id))


async def conversation_id(parts: Parts) -> int:
    [row] = await parts.rows("SELECT id FROM conversations WHERE key = 'room'")
    return int(row.id)


async def accept_another(parts: Parts) -> None:
    await parts.wait("하나 더", key="room", received_at=LONG_AGO)


async def cancel(parts: Parts) -> None:
    assert await parts.inbox.cancel(await turn_id(parts))


async def ask_to_stop(parts: Parts) -> None:
    async with parts.database.begin() as connection:
        assert await cancellation.mark_stopped(connection, ROOM, by="U2")


async def expire(parts: Parts) -> None:
    async with parts.database.begin() as connection:
        assert await sweeping.expire_waiting(connection)


async def fail(parts: Parts) -> None:
    wanted, turn = await conversation_id(parts), await turn_id(parts)
    async with parts.database.begin() as connection:
        assert await scheduling.fail_waiting(connection, wanted, turn_id=turn, message="x")


async def erase_quotes(parts: Parts) -> None:
    wanted = await conversation_id(parts)
    async with parts.database.begin() as connection:
        assert await erasure.erase_quotes(connection, OTHER, wanted)


async def schedule_elsewhere(parts: Parts) -> None:
    async with parts.other_bot() as other:
        await other.schedule_all()


async def schedule_as_the_previous_version(parts: Parts) -> None:
    await parts.execute("SELECT id FROM conversations FOR UPDATE", *queued_by_hand("다른 봇"))


async def answer_elsewhere(parts: Parts) -> None:
    async with parts.other_bot() as other:
        await other.schedule_all()
        assert await other.work() == 1
        assert await other.settler.settle() == 1


MEANWHILE = {
    "accept": Meanwhile(accept_another, asks="질문\n하나 더", status="merged"),
    "reset": Meanwhile(reset, history=False),
    "cancel": Meanwhile(cancel, asks=None, status="cancelled"),
    "stop": Meanwhile(ask_to_stop),
    "expiry": Meanwhile(
        expire,
        asks=None,
        status="expired",
        question={"reply": ReplyHandle(via=DeliveryVia.POST, expires_at=LONG_AGO)},
    ),
    "failure": Meanwhile(fail, asks=None, status="failed"),
    "human": Meanwhile(call_human),
    "erasure": Meanwhile(
        erase(Person(messenger="slack", tenant="T1", sender="U1")), asks=None, status=""
    ),
    "erased history": Meanwhile(erase(OTHER), history=False),
    "erased quotes": Meanwhile(erase_quotes, question={"prompt": "남의 말"}),
    "retention": Meanwhile(delete_what_is_old, history=False),
    "previous retention": Meanwhile(
        delete_as_the_previous_version("옛 질문"), history=False, in_snapshot=True
    ),
    "other bot": Meanwhile(schedule_elsewhere),
    "previous bot": Meanwhile(schedule_as_the_previous_version, asks="다른 봇", history=False),
    "answer": Meanwhile(answer_elsewhere, asks=None, status="answered"),
}


# --- when they write it -----------------------------------------------------------------------


async def before_the_statement(
    parts: Parts, race: Meanwhile, _: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the read and the statement."""
    queue_turns, written = queueing.queue_turns, asyncio.Event()

    async def queue_after(*arguments: Any) -> queueing.QueuedTurns:
        if not written.is_set():
            written.set()
            await race.write(parts)
        return await queue_turns(*arguments)

    monkeypatch.setattr(queueing, "queue_turns", queue_after)
    await parts.schedule_all()
    assert written.is_set()


async def within_the_statement(
    parts: Parts, race: Meanwhile, _: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the statement's snapshot and its locks."""
    monkeypatch.setattr(queueing, "QUEUE", _paused())
    async with parts.database.connect() as holder:
        await holder.execute(text(f"SELECT pg_advisory_lock({PAUSE})"))
        scheduling_it = asyncio.create_task(parts.schedule_all())
        await until_blocked(parts.database)
        monkeypatch.undo()  # other bots are not paused
        await race.write(parts)
        await holder.execute(text(f"SELECT pg_advisory_unlock({PAUSE})"))
    await scheduling_it


def _paused() -> Any:
    """The statement, which waits for the lock once it has its snapshot."""
    wait = f":planned || CAST(pg_advisory_xact_lock({PAUSE}) AS text)"
    return text(queueing.QUEUE.text.replace(":planned", wait, 1)).bindparams(
        bindparam("planned", type_=Text),
        bindparam("payloads", type_=Text),
        bindparam("sources", turn_before(TurnStatus.QUEUED), type_=ARRAY(Text)),
    )


async def after_the_accept(
    parts: Parts, race: Meanwhile, accepted: inbox.Accepted, _: pytest.MonkeyPatch
) -> None:
    """Between the accept, which read the conversation, and the statement."""
    assert accepted.conversation is not None
    await race.write(parts)
    known = {accepted.conversation_id: accepted.conversation}
    await parts.scheduler.schedule(list(known), known)
    await parts.scheduler.close()


@pytest.fixture
async def parts(database_url: str, redis_url: str) -> AsyncIterator[Parts]:
    async with running_parts(
        database_url, redis_url, merge_window_s=0.5, fault_pause_s=0.01
    ) as parts:
        yield parts


async def ask(parts: Parts, words: str, **fields: Any) -> inbox.Accepted:
    said = utterance(words, key="room", **{"received_at": LONG_AGO, **fields})
    async with parts.database.begin() as connection:
        [accepted] = await inbox.accept(connection, [said])
    assert isinstance(accepted, inbox.Accepted)
    return accepted


async def answered_before(parts: Parts) -> None:
    """The room has an answer, its history is in Redis, and the settings are stored."""
    await ask(parts, "옛 질문", sender="U2", received_at=LONG_AGO - timedelta(days=90))
    await parts.schedule_all()
    await parts.work("옛 답")
    await parts.settler.settle()
    await parts.execute("UPDATE deliveries SET state = 'delivered'")


def queued_by_hand(words: str) -> list[str]:
    """What the previous version's transaction writes."""
    job = uuid4()
    payload = f'{{"messages": [{{"content": "{words}"}}]}}'
    return [
        f"UPDATE turns SET status = 'queued', job_id = '{job}' WHERE status = 'received'",
        f"INSERT INTO jobs (id, payload) VALUES ('{job}', '{payload.replace(':', chr(92) + ':')}')",
    ]


async def questions(parts: Parts) -> list[tuple[str, bool]]:
    """What each job asks, and whether it has the earlier answer."""
    found = await parts.rows("SELECT payload -> 'messages' AS messages FROM jobs")
    return [(row.messages[-1]["content"], "옛 답" in str(row.messages)) for row in found]


MOMENTS = [before_the_statement, within_the_statement, after_the_accept]


@pytest.mark.parametrize("moment", MOMENTS, ids=["before", "within", "accepted"])
@pytest.mark.parametrize("name", MEANWHILE)
async def test_nothing_is_queued_that_is_not_true_any_more(
    parts: Parts, name: str, moment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    race = MEANWHILE[name]
    if race.in_snapshot and moment is within_the_statement:
        pytest.skip("its snapshot is older than its lock, as in the previous version")
    await answered_before(parts)
    accepted = await ask(parts, "질문", **race.question)
    await moment(parts, race, accepted, monkeypatch)
    expected = [] if race.asks is None else [(race.asks, race.history)]
    for _ in range(2):
        assert await questions(parts) == expected
        await parts.schedule_all()  # again: nor is anything queued twice
    assert (await parts.statuses()).get("질문", "") == race.status


async def test_a_burst_that_changes_in_its_transaction_is_merged_a_moment_later(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    await answered_before(parts)
    picture = Picture(content=b"\xff\xd8\xff", width=1, height=1)
    shown = {"type": "image", "beside_text": True}
    await ask(parts, "하나", media=(shown,), pictures=(picture,))
    await ask(parts, "질문", prompt="남의 말")
    await before_the_statement(parts, MEANWHILE["erased quotes"], None, monkeypatch)
    assert await questions(parts) == [("하나\n질문", True)]
    [lease] = await parts.worker.claim(1)
    assert len(lease.job.messages[-1].pictures) == 1
    assert await parts.statuses() == {"옛 질문": "answered", "하나": "merged", "질문": "queued"}


async def test_a_conversation_that_is_being_scheduled_elsewhere_is_left_alone(
    parts: Parts,
) -> None:
    """The other transaction has read the turn, and queues it without looking again."""
    await answered_before(parts)
    await ask(parts, "질문")
    async with parts.database.begin() as previous:
        await previous.execute(text("SELECT id FROM conversations FOR UPDATE"))
        await parts.schedule_all()
        assert await questions(parts) == []
        for statement in queued_by_hand("다른 봇"):
            await previous.execute(text(statement))
    await parts.schedule_all()
    assert await questions(parts) == [("다른 봇", False)]


@pytest.mark.parametrize("pictures", [False, True], ids=["statement", "transaction"])
async def test_a_question_whose_conversation_a_refused_message_held_waits_for_no_sweep(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, pictures: bool
) -> None:
    monkeypatch.setattr(enqueuer, "RETRY_S", 0.5)
    await answered_before(parts)
    media = {"media": ({"type": "image"},)} if pictures else {}
    accepted = await ask(parts, "질문", **media)
    async with parts.database.begin() as refusing:
        said = utterance("하나 더", key="room")
        refused = await inbox.accept(refusing, [said], max_waiting=lambda _: 1)
        assert refused == [inbox.NotAccepted.FULL]
        await parts.scheduler.schedule([accepted.conversation_id])
        assert await questions(parts) == []
    await parts.scheduler.close()
    assert await questions(parts) == [("질문", True)]


async def test_a_cancellation_waits_for_the_statement_and_stops_its_job(parts: Parts) -> None:
    await answered_before(parts)
    turn = (await ask(parts, "질문")).turn_id
    async with parts.database.begin() as holder:
        await holder.execute(text("SELECT id FROM turns WHERE text = '질문' FOR UPDATE"))
        scheduling_it = asyncio.create_task(parts.schedule_all())
        await until_blocked(parts.database)
        cancelling = asyncio.create_task(parts.inbox.cancel(turn))
        await until_blocked(parts.database, 2)
    await scheduling_it
    assert await cancelling
    assert await parts.settler.settle() == 1
    assert (await parts.statuses())["질문"] == "cancelled"
    assert await questions(parts) == []


async def test_many_bots_at_once_queue_each_question_once(parts: Parts) -> None:
    await answered_before(parts)
    for number in range(20):
        await parts.wait(f"말 {number}", received_at=LONG_AGO)
    async with parts.other_bot() as second, parts.other_bot() as third:
        await asyncio.gather(*(one.schedule_all() for one in (parts, second, third) * 3))
    asked = [words for words, _ in await questions(parts)]
    assert sorted(asked) == sorted(f"말 {number}" for number in range(20))
    assert set((await parts.statuses()).values()) == {"answered", "queued"}
