"""A row that Postgres refuses is a fault, not an outage: every other job is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from prometheus_client import REGISTRY
from sqlalchemy import text

from fakes.engine_server import EngineServer
from inference_queue.protocol import Completion, Failure, FailureReason, FinishReason, Job
from inference_worker import queue_reaper
from inference_worker.engines.base import Delta, ModelCard, Usage
from runtime.database import connect_database
from tests.support.desk import Desk, busy
from tests.support.finished_jobs import take_finished
from tests.support.stack import running_worker, served

REFUSE = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.id = '{job_id}' AND {condition} THEN
            RAISE check_violation USING MESSAGE = 'this row is refused';
        END IF;
        RETURN NEW;
    END $$
"""
TRIGGER = "CREATE TRIGGER refuse BEFORE UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION refuse()"


async def refuse(desk: Desk, job: Job, condition: str = "true") -> None:
    """Let Postgres refuse such changes of one job's row, as a constraint does."""
    await desk.execute(REFUSE.format(job_id=job.id, condition=condition))
    await desk.execute(TRIGGER)


def faults(statement: str) -> float:
    value = REGISTRY.get_sample_value("worker_database_faults_total", {"statement": statement})
    return value or 0.0


async def until_fault(statement: str, since: float) -> None:
    async with asyncio.timeout(30):
        while faults(statement) <= since:
            await asyncio.sleep(0.02)


async def queued(desk: Desk, *texts: str) -> list[Job]:
    return [await desk.put(text) for text in texts]


async def until_row(desk: Desk, job: Job, state: str) -> None:
    async with asyncio.timeout(30):
        while (await desk.row(job)).state != state:
            await asyncio.sleep(0.02)


async def test_a_job_that_cannot_be_claimed_keeps_no_other_waiting(desk: Desk) -> None:
    bad, *_ = await queued(desk, "나쁜 줄", "하나", "둘", "셋")
    await refuse(desk, bad, "NEW.state = 'running'")
    before = faults("claim")
    async with served() as (_, engine), running_worker(*desk.urls, engine, slots=1):
        results = await desk.results(3)
        assert {r.text for r in results if isinstance(r, Completion)} == {
            f"에코: {text}" for text in ("하나", "둘", "셋")
        }
        assert faults("claim") > before
        failure = await desk.result(15)
    assert isinstance(failure, Failure)
    assert failure.reason is FailureReason.ENGINE_ERROR
    assert "23514" in failure.message


@asynccontextmanager
async def locked_row(desk: Desk, job: Job) -> AsyncIterator[None]:
    async with desk.database.begin() as connection:
        await connection.execute(
            text("SELECT 1 FROM jobs WHERE id = :id FOR UPDATE"), {"id": job.id}
        )
        yield


async def test_a_payload_that_can_be_neither_read_nor_finished_keeps_the_other_leases(
    desk: Desk,
) -> None:
    bad, *_ = await queued(desk, "나쁜 줄", "하나", "둘")
    await desk.execute(f"UPDATE jobs SET payload = '{{}}' WHERE id = '{bad.id}'")
    await refuse(desk, bad, "NEW.state = 'finished'")
    before = faults("finish")
    async with served() as (_, engine), running_worker(*desk.urls, engine, slots=3):
        results = await desk.results(2)
    assert all(isinstance(result, Completion) for result in results)
    assert faults("finish") > before


class Scripted:
    """An engine that completes each job with its question, by a model of this name."""

    card = ModelCard(name="scripted", preset="demo")
    usage = Usage()
    template = None

    def __init__(self, model_of: Callable[[str], str]) -> None:
        self._model_of = model_of

    async def check(self) -> str:
        return ""

    async def start(self, progress: Callable[[str], None]) -> None:
        progress("it loads")

    async def generate(self, job: Job) -> AsyncGenerator[Delta | Completion, None]:
        question = job.messages[-1].content
        yield Delta(question)
        yield Completion(
            text=question,
            finish_reason=FinishReason.STOP,
            model=self._model_of(question),
            prompt_tokens=1,
            completion_tokens=1,
        )

    async def close(self) -> None: ...


async def test_a_result_that_postgres_cannot_hold_ends_its_job_as_failed(desk: Desk) -> None:
    await queued(desk, "NUL", "하나")
    before = faults("finish")
    engine = Scripted(lambda question: "a\x00b" if question == "NUL" else "m")
    async with running_worker(*desk.urls, engine):
        results = await desk.results(2)
    assert faults("finish") == before + 1
    assert_one_refused(results, "22P05")


async def test_a_value_too_long_ends_its_job_as_failed(desk: Desk) -> None:
    await desk.execute(
        "ALTER TABLE jobs ADD COLUMN answer varchar(40) "
        "GENERATED ALWAYS AS (result->>'text') STORED"
    )
    await queued(desk, "긴 말 " * 30, "하나")
    async with running_worker(*desk.urls, Scripted(lambda _: "m")):
        assert_one_refused(await desk.results(2), "22001")


async def test_a_constraint_on_results_ends_its_job_as_failed(desk: Desk) -> None:
    bad, _ = await queued(desk, "나쁜 줄", "하나")
    await refuse(desk, bad, "NEW.result->>'kind' = 'completion'")
    async with running_worker(*desk.urls, Scripted(lambda _: "m")):
        assert_one_refused(await desk.results(2), "23514")


def assert_one_refused(results: list[Completion | Failure], state: str) -> None:
    [failure] = [result for result in results if isinstance(result, Failure)]
    assert failure.reason is FailureReason.ENGINE_ERROR
    assert state in failure.message
    assert not failure.retryable
    assert [r.text for r in results if isinstance(r, Completion)] == ["하나"]


async def test_a_result_that_is_refused_in_every_form_frees_its_slot(desk: Desk) -> None:
    bad, *_ = await queued(desk, "나쁜 줄", "하나", "둘")
    await refuse(desk, bad, "NEW.state = 'finished'")
    async with running_worker(*desk.urls, Scripted(lambda _: "m"), slots=1):
        results = await desk.results(2)
    assert {r.text for r in results if isinstance(r, Completion)} == {"하나", "둘"}


def attempts(server: EngineServer, question: str) -> int:
    return sum(request.body["messages"][-1]["content"] == question for request in server.requests)


async def test_a_lease_that_cannot_be_renewed_loses_no_other(desk: Desk) -> None:
    async with (
        served(delay_per_token_s=0.3, reply=lambda _: "가 나 다 라 마 바 사 아 자 차") as (
            server,
            engine,
        ),
        running_worker(*desk.urls, engine, slots=3, lease_s=1.2),
    ):
        bad, *_ = await queued(desk, "나쁜 줄", "하나", "둘")
        await busy(server, 3)
        before = faults("renew")
        await refuse(desk, bad, "OLD.state = 'running' AND NEW.state = 'running'")
        await until_fault("renew", before)
        await desk.results(3, 20)
        assert (attempts(server, "하나"), attempts(server, "둘")) == (1, 1)


async def test_a_locked_row_loses_no_other_lease(desk: Desk) -> None:
    async with (
        served(delay_per_token_s=0.6, reply=lambda _: "가 나 다 라 마 바 사 아 자 차") as (
            server,
            engine,
        ),
        running_worker(*desk.urls, engine, slots=3, lease_s=4.8),
    ):
        locked, *_ = await queued(desk, "잠긴 줄", "하나", "둘")
        await busy(server, 3)
        before = faults("renew")
        async with locked_row(desk, locked):
            await until_fault("renew", before)
            assert len(await desk.results(2, 20)) == 2
        await desk.result(20)
        assert (attempts(server, "하나"), attempts(server, "둘")) == (1, 1)


async def expired(desk: Desk, count: int) -> list[Job]:
    past = datetime.now(UTC) - timedelta(seconds=1)
    return [await desk.put(deadline=past) for _ in range(count)]


async def test_a_row_that_cannot_be_reaped_keeps_no_other_waiting(
    desk: Desk, database_url: str
) -> None:
    bad, *others = await expired(desk, 4)
    await refuse(desk, bad)
    database = connect_database(database_url, pool_size=2)
    reaper = queue_reaper.QueueReaper(database)
    before = faults("reap")
    await reaper.reap()
    async with desk.database.begin() as connection:
        finished = await take_finished(desk.queue, connection)
    assert {job.id for job in finished} == {job.id for job in others}
    assert faults("reap") == before + 1
    await reaper.reap()  # the refused row is left alone for a while
    assert faults("reap") == before + 1
    await database.dispose()


async def test_jobs_that_cannot_be_released_are_left_to_the_reaper_on_a_drain(desk: Desk) -> None:
    async with served(delay_per_token_s=5) as (server, engine):
        before = faults("release")
        async with running_worker(*desk.urls, engine, drain_s=0):
            bad, other = await queued(desk, "나쁜 줄", "하나")
            await busy(server, 2)
            await refuse(desk, bad, "NEW.state = 'queued'")
        assert faults("release") == before + 1
        assert (await desk.row(bad)).state == "running"
        await until_row(desk, other, "queued")
