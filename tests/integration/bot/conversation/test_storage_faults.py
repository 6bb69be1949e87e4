"""One row that Postgres refuses costs nobody else an answer, and becomes a dead letter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from bot.conversation.inbox import StoreDownError, StoreFaultError
from bot.store import scheduling
from bot.store.scheduling import EndedTurn
from inference_queue.protocol import Completion, Failure, FailureReason
from tests.integration.bot.conversation.conversation_parts import (
    Parts,
    completion,
    faults,
    running_parts,
    utterance,
)
from tests.support.settling import Route

GOOD = [f"좋은 말 {number}" for number in range(6)]
#: Long enough for any statement that does not hang, on a busy machine too.
SLOW_S = 1.0

#: A statement that sleeps for one row, for far longer than the transaction may take.
SLEEP = (
    """
    CREATE FUNCTION sleep_for_bad() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(30); RETURN NEW; END $$
    """,
    """
    CREATE TRIGGER sleep BEFORE UPDATE ON turns FOR EACH ROW
    WHEN (NEW.text = 'bad' AND NEW.status = '{status}') EXECUTE FUNCTION sleep_for_bad()
    """,
)


def narrowed(column: str, chars: int) -> str:
    """The statement after which a column of the turns takes so few characters.

    A column that a trigger watches keeps its type.
    """
    narrow = f"ALTER TABLE turns ALTER COLUMN {column} TYPE varchar({chars});"
    return f"DO $$ BEGIN DROP TRIGGER turns_settled ON turns; {narrow} END $$"


def check(condition: str) -> str:
    return f"ALTER TABLE turns ADD CONSTRAINT of_this_test CHECK ({condition})"


@pytest.fixture
async def parts(database_url: str, redis_url: str) -> AsyncIterator[Parts]:
    async with running_parts(database_url, redis_url) as parts:
        yield parts


@pytest.fixture
async def hasty(database_url: str, redis_url: str) -> AsyncIterator[Parts]:
    """Parts whose transactions and pauses are short."""
    async with running_parts(
        database_url, redis_url, timeout_s=SLOW_S, fault_pause_s=0.01
    ) as parts:
        yield parts


async def until(parts: Parts, *steps: Callable[[], object], status: str) -> None:
    """Repeat the steps until the bad turn has the status."""
    async with asyncio.timeout(90):
        while (await parts.statuses())["bad"] != status:
            for step in steps:
                await step()  # type: ignore[misc]
            await asyncio.sleep(0.02)


# --- accept ---------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [check("text <> 'bad'"), narrowed("text", 8)])
async def test_a_message_that_cannot_be_stored_is_refused_alone(parts: Parts, fault: str) -> None:
    bad = "bad" if "CHECK" in fault else "a text that is too long"
    await parts.execute(fault)
    before = faults("accept")
    with capture_logs() as logs:
        outcomes = await asyncio.gather(
            *(parts.inbox.submit(utterance(words, key=words)) for words in [*GOOD, bad]),
            return_exceptions=True,
        )
    assert isinstance(outcomes[-1], StoreFaultError)
    assert not any(isinstance(outcome, BaseException) for outcome in outcomes[:-1])
    assert faults("accept") == before + 1
    [fault_line] = [line for line in logs if line["event"] == "database_fault"]
    assert fault_line["statement"] == "accept"
    assert bad not in str(fault_line)
    assert bad not in await parts.statuses()


async def test_an_accept_that_waits_for_a_locked_row_is_an_outage_for_its_person_alone(
    parts: Parts,
) -> None:
    await parts.wait("bad")
    async with parts.database.begin() as holder:
        await holder.execute(text("SELECT 1 FROM conversations FOR UPDATE"))
        outcomes = await asyncio.gather(
            *(parts.inbox.submit(utterance(words, key=words)) for words in [*GOOD, "bad"]),
            return_exceptions=True,
        )
    assert isinstance(outcomes[-1], StoreDownError)
    assert not any(isinstance(outcome, BaseException) for outcome in outcomes[:-1])


async def test_a_schema_that_does_not_fit_is_no_fault_of_the_message(parts: Parts) -> None:
    await parts.execute("ALTER TABLE turns RENAME COLUMN sender TO of_this_test")
    before = faults("accept")
    with pytest.raises(StoreDownError):
        await parts.inbox.submit(utterance("안녕"))
    assert faults("accept") == before + 1


# --- schedule -------------------------------------------------------------------------------


async def test_a_turn_that_cannot_be_queued_is_a_dead_letter_alone(parts: Parts) -> None:
    bad = await parts.wait("bad")
    for words in GOOD:
        await parts.wait(words)
    await parts.wait("danach", key="bad")
    await parts.execute(check("text <> 'bad' OR status <> 'queued'"))
    before = faults("schedule")
    with capture_logs() as logs:
        await parts.schedule_all()
    assert await parts.statuses() == {
        **dict.fromkeys([*GOOD, "danach"], "queued"),
        "bad": "failed",
    }
    [turn] = await parts.rows("SELECT * FROM turns WHERE text = 'bad'")
    assert turn.failure_reason == "storage_fault"
    assert "of_this_test" in turn.failure_message
    assert turn.settled_at
    assert bad in parts.notified
    assert faults("schedule") == before + 1
    [line] = [line for line in logs if line["event"] == "database_fault"]
    assert (line["constraint"], line["conversation_id"]) == (
        "of_this_test",
        str(turn.conversation_id),
    )


async def test_two_bots_that_fail_at_one_turn_do_not_end_the_next_as_well(
    parts: Parts, database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in ("bad", "danach", "zuletzt"):
        await parts.wait(words, key="bad")
    await parts.execute(check("text <> 'bad' OR status <> 'queued'"))
    fail_waiting, arrived, failed = scheduling.fail_waiting, asyncio.Event(), asyncio.Event()

    async def fail_second(*args: Any, **values: Any) -> EndedTurn | None:
        """The bot that came first, after the other one did so."""
        if arrived.is_set():
            return await fail_waiting(*args, **values)
        arrived.set()
        await failed.wait()
        return await fail_waiting(*args, **values)

    monkeypatch.setattr(scheduling, "fail_waiting", fail_second)
    async with running_parts(database_url, redis_url) as other:
        first = asyncio.create_task(parts.schedule_all())
        await arrived.wait()
        await other.schedule_all()
        failed.set()
        await first
    expected = {"bad": "failed", "danach": "queued", "zuletzt": "received"}
    assert await parts.statuses() == expected


async def test_a_prompt_too_long_for_its_column_fails_the_oldest_turn_of_the_burst(
    database_url: str, redis_url: str
) -> None:
    async with running_parts(database_url, redis_url, merge_window_s=0.5) as parts:
        earlier = datetime.now(UTC) - timedelta(seconds=30)
        await parts.execute("ALTER TABLE turns ALTER COLUMN prompt TYPE varchar(5)")
        for words in ("bad", "danach"):
            await parts.wait(words, key="bad", received_at=earlier)
        for words in GOOD:
            await parts.wait(words, received_at=earlier)
        await parts.schedule_all()
        expected = {**dict.fromkeys([*GOOD, "danach"], "queued"), "bad": "failed"}
        assert await parts.statuses() == expected


async def test_a_reply_handle_that_cannot_be_read_fails_exactly_its_turn(parts: Parts) -> None:
    await parts.wait("davor", key="bad")
    await parts.wait("bad")
    await parts.wait("gut")
    await parts.execute("UPDATE turns SET reply_handle = '{}' WHERE text = 'bad'")
    await parts.schedule_all()
    assert await parts.statuses() == {"davor": "queued", "bad": "failed", "gut": "queued"}


async def test_a_statement_that_hangs_for_one_row_ends_as_a_dead_letter(hasty: Parts) -> None:
    for words in ["bad", *GOOD]:
        await hasty.wait(words)
    await hasty.execute(*(line.replace("{status}", "queued") for line in SLEEP))
    before = faults("schedule")
    await hasty.schedule_all()
    assert await hasty.statuses() == {**dict.fromkeys(GOOD, "queued"), "bad": "received"}
    await until(hasty, hasty.sweeper.sweep, status="failed")
    assert faults("schedule") == before + 3


async def test_a_turn_whose_row_is_locked_is_queued_once_the_lock_is_gone(hasty: Parts) -> None:
    for words in ["bad", *GOOD]:
        await hasty.wait(words)
    async with hasty.database.begin() as holder:
        await holder.execute(text("SELECT 1 FROM turns WHERE text = 'bad' FOR UPDATE"))
        for _ in range(5):
            await hasty.schedule_all()
        assert await hasty.statuses() == {**dict.fromkeys(GOOD, "queued"), "bad": "received"}
    await until(hasty, hasty.sweeper.sweep, status="queued")


async def test_stuck_rows_side_by_side_park_nobody_for_long(hasty: Parts) -> None:
    stuck = [f"stuck {number}" for number in range(5)]
    for words in [*stuck, *GOOD]:
        await hasty.wait(words)
    async with hasty.database.begin() as holder:
        await holder.execute(text("SELECT 1 FROM turns WHERE text LIKE 'stuck%' FOR UPDATE"))
        await hasty.schedule_all()
        await hasty.schedule_all()
        expected = dict.fromkeys(GOOD, "queued") | dict.fromkeys(stuck, "received")
        assert await hasty.statuses() == expected
        await hasty.work()
        await hasty.settler.settle()
        assert set((await hasty.statuses()).values()) == {"answered", "received"}


async def test_a_dead_letter_that_cannot_be_written_is_left_alone_for_a_while(
    parts: Parts,
) -> None:
    for words in ["bad", *GOOD]:
        await parts.wait(words)
    await parts.execute(check("text <> 'bad' OR status = 'received'"))
    before = faults("schedule"), faults("schedule_dead_letter")
    with capture_logs() as logs:
        await parts.schedule_all()
        await parts.sweeper.sweep()
        await parts.scheduler.close()
    assert await parts.statuses() == {**dict.fromkeys(GOOD, "queued"), "bad": "received"}
    assert (faults("schedule"), faults("schedule_dead_letter")) == (before[0] + 1, before[1] + 1)
    [paused] = [line for line in logs if line["event"] == "row_paused"]
    assert paused["pause_s"] == 1.0
    [conversation] = await parts.rows("SELECT id FROM conversations WHERE key = 'bad'")
    assert parts.scheduler.paused == (conversation.id,)


async def test_a_schema_that_does_not_fit_fails_no_turn(hasty: Parts) -> None:
    for words in ["bad", *GOOD]:
        await hasty.wait(words)
    await hasty.execute("ALTER TABLE turns RENAME COLUMN preset TO of_this_test")
    for _ in range(4):
        await hasty.schedule_all()
    assert set((await hasty.statuses()).values()) == {"received"}
    await hasty.execute("ALTER TABLE turns RENAME COLUMN of_this_test TO preset")
    await until(hasty, hasty.sweeper.sweep, status="queued")


# --- settle ---------------------------------------------------------------------------------


async def answered(parts: Parts) -> None:
    """Every turn has its result in the queue; nothing is settled."""
    for words in ["bad", *GOOD]:
        await parts.wait(words)
    await parts.schedule_all()
    assert await parts.work() == len(GOOD) + 1


async def settle(parts: Parts, route: Route) -> int:
    """A round of the settler; unread, it is woken by the finished jobs."""
    return await parts.settler.settle_woken(await parts.causes() if route is Route.UNREAD else ())


@pytest.mark.parametrize("route", Route)
@pytest.mark.parametrize(
    "fault",
    [
        check("text <> 'bad' OR status <> 'answered'"),
        narrowed("answer", 12),
    ],
)
async def test_a_result_that_cannot_be_written_is_a_dead_letter_alone(
    parts: Parts, fault: str, route: Route
) -> None:
    for words in ["bad", *GOOD]:
        await parts.wait(words)
    await parts.schedule_all()
    for lease in await parts.worker.claim(100):
        words = lease.job.messages[-1].content
        answer = "an answer that is too long" if words == "bad" else "kurz"
        await parts.worker.finish(lease, completion(answer))
    await parts.execute(fault)
    before = faults("settle")
    assert await settle(parts, route) == len(GOOD) + 1
    assert await parts.statuses() == {**dict.fromkeys(GOOD, "answered"), "bad": "failed"}
    [turn] = await parts.rows("SELECT * FROM turns WHERE text = 'bad'")
    assert turn.failure_reason == "storage_fault"
    assert turn.id in parts.notified
    assert await parts.rows("SELECT 1 FROM jobs") == []
    assert faults("settle") == before + 1
    assert await parts.settler.settle() == 0


@pytest.mark.parametrize("route", Route)
@pytest.mark.parametrize("number", ["1e400", "-1e400"])
async def test_a_number_that_no_program_can_read_costs_only_its_own_turn(
    parts: Parts, number: str, route: Route
) -> None:
    await answered(parts)
    await parts.execute(
        f"""UPDATE jobs SET result = jsonb_set(result, '{{total_ms}}', '{number}')
        WHERE id = (SELECT job_id FROM turns WHERE text = 'bad')"""
    )
    await settle(parts, route)
    assert await parts.statuses() == {"bad": "failed"} | dict.fromkeys(GOOD, "answered")


@pytest.mark.parametrize("route", Route)
async def test_a_result_whose_statement_hangs_ends_as_a_dead_letter(
    hasty: Parts, route: Route
) -> None:
    await answered(hasty)
    await hasty.execute(*(line.replace("{status}", "answered") for line in SLEEP))
    await settle(hasty, route)
    assert await hasty.statuses() == {**dict.fromkeys(GOOD, "answered"), "bad": "queued"}
    await until(hasty, hasty.settler.retry_paused, status="failed")
    assert await hasty.rows("SELECT 1 FROM jobs") == []


@pytest.mark.parametrize("route", Route)
async def test_a_result_whose_row_is_locked_is_kept_until_the_lock_is_gone(
    hasty: Parts, route: Route
) -> None:
    await answered(hasty)
    async with hasty.database.begin() as holder:
        await holder.execute(text("SELECT 1 FROM turns WHERE text = 'bad' FOR UPDATE"))
        for _ in range(5):
            await settle(hasty, route)
        assert await hasty.statuses() == {**dict.fromkeys(GOOD, "answered"), "bad": "queued"}
    await until(hasty, hasty.settler.retry_paused, status="answered")


@pytest.mark.parametrize("route", Route)
async def test_a_result_that_cannot_even_fail_does_not_come_back_in_every_batch(
    parts: Parts, route: Route
) -> None:
    await answered(parts)
    await parts.execute(check("text <> 'bad' OR status IN ('received', 'queued', 'generating')"))
    before = faults("settle")
    await settle(parts, route)
    assert await parts.statuses() == {**dict.fromkeys(GOOD, "answered"), "bad": "queued"}
    assert [await settle(parts, route) for _ in range(3)] == [0, 0, 0]
    await parts.settler.retry_paused()  # its pause goes on
    assert faults("settle") == before + 1
    assert len(await parts.rows("SELECT 1 FROM jobs")) == 1


@pytest.mark.parametrize("route", Route)
async def test_a_failure_of_the_worker_keeps_its_own_reason(parts: Parts, route: Route) -> None:
    await parts.wait("bad")
    await parts.schedule_all()
    [lease] = await parts.worker.claim(1)
    failure: Completion | Failure = Failure(reason=FailureReason.OUT_OF_MEMORY, message="x")
    await parts.worker.finish(lease, failure)
    await settle(parts, route)
    [turn] = await parts.rows("SELECT * FROM turns")
    assert (turn.status, turn.failure_reason) == ("failed", "out_of_memory")


# --- sweep ----------------------------------------------------------------------------------


async def test_a_turn_that_cannot_expire_keeps_no_other_from_expiring(parts: Parts) -> None:
    for words in ["bad", *GOOD]:
        await parts.wait(words)
    await parts.execute(
        "UPDATE turns SET expires_at = now()", check("text <> 'bad' OR status = 'received'")
    )
    before = faults("expire_waiting")
    await parts.sweeper.sweep()
    await parts.scheduler.close()
    assert await parts.statuses() == {**dict.fromkeys(GOOD, "expired"), "bad": "received"}
    assert len(parts.notified) == len(GOOD)
    await parts.sweeper.sweep()
    assert faults("expire_waiting") == before + 1


async def test_a_turn_that_cannot_be_marked_keeps_no_other_from_being_marked(
    parts: Parts,
) -> None:
    for words in ["bad", *GOOD]:
        await parts.wait(words)
    await parts.schedule_all()
    await parts.worker.claim(100)
    await parts.execute(check("text <> 'bad' OR status <> 'generating'"))
    before = faults("mark_generating")
    await parts.sweeper.mark()
    assert await parts.statuses() == {**dict.fromkeys(GOOD, "generating"), "bad": "queued"}
    await parts.sweeper.mark()
    assert faults("mark_generating") == before + 1


async def test_a_job_that_cannot_be_reaped_keeps_no_other_from_being_reaped(
    parts: Parts,
) -> None:
    for words in ["bad", *GOOD]:
        await parts.wait(words)
    await parts.schedule_all()
    await parts.execute(
        "UPDATE jobs SET deadline = now()",
        """
        ALTER TABLE jobs ADD CONSTRAINT of_this_test
        CHECK (payload->'messages'->-1->>'content' <> 'bad' OR state <> 'finished')
        """,
    )
    before = faults("reap")
    await parts.sweeper.sweep()
    await parts.settler.settle()
    assert await parts.statuses() == {**dict.fromkeys(GOOD, "expired"), "bad": "queued"}
    await parts.sweeper.sweep()
    assert faults("reap") == before + 1
