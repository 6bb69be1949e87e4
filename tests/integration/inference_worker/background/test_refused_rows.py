"""A background job whose row Postgres refuses is set aside, and ended: the others go on."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from inference_queue.background.leases import BackgroundLeases
from inference_queue.protocol import Completion, Failure, FailureReason, FinishReason, Job
from inference_worker import isolated_claims
from inference_worker.background.reaper import BackgroundReaper
from inference_worker.engines.base import Delta
from inference_worker.metrics import DATABASE_FAULTS
from tests.support.background import ANY, background_row, put_background, question, taken
from tests.support.desk import Desk, Stuck
from tests.support.stack import running_worker, served


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated_claims, "QUARANTINE_BASE_S", 0.05)


async def refuse(desk: Desk, condition: str) -> None:
    """Refuse the updates of rows that meet it, as a trigger of somebody's does."""
    await desk.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'no'; END $$"
    )
    await desk.execute(
        "CREATE TRIGGER refuse BEFORE UPDATE ON background_jobs FOR EACH ROW "
        f"WHEN ({condition}) EXECUTE FUNCTION refuse()"
    )


def faults(statement: str) -> float:
    return float(DATABASE_FAULTS.labels(statement)._value.get())


async def test_a_job_that_cannot_be_leased_is_ended_and_the_others_are_answered(desk: Desk) -> None:
    bad, *others = jobs = [question(f"배경 {number}") for number in range(4)]
    await refuse(desk, f"NEW.id = '{bad.id}' AND NEW.state = 'running'")
    before = faults("background_claim")
    batch = await put_background(desk.database, *jobs)
    async with served() as (_, engine), running_worker(*desk.urls, engine, slots=2):
        results = {done.id: done.result for done in await taken(desk.database, batch, 4)}
    failure = results.pop(bad.id)
    assert isinstance(failure, Failure)
    assert failure.reason is FailureReason.ENGINE_ERROR
    assert "refused" in failure.message
    assert results.keys() == {job.id for job in others}
    assert all(isinstance(result, Completion) for result in results.values())
    assert faults("background_claim") >= before + 3


async def test_a_job_that_cannot_be_changed_at_all_holds_up_no_other(desk: Desk) -> None:
    bad, *others = jobs = [question(f"배경 {number}") for number in range(3)]
    await refuse(desk, f"NEW.id = '{bad.id}'")
    batch = await put_background(desk.database, *jobs)
    async with served() as (_, engine), running_worker(*desk.urls, engine, slots=2):
        results = await taken(desk.database, batch, 2)
    assert {done.id for done in results} == {job.id for job in others}
    assert (await background_row(desk.database, bad.id)).state == "queued"


async def test_a_payload_that_cannot_be_read_ends_alone(desk: Desk) -> None:
    bad, good = question("나쁜 것"), question("좋은 것")
    batch = await put_background(desk.database, bad, good)
    digits = "9" * 5000
    await desk.execute(
        f"UPDATE background_jobs SET payload = '{{\"id\": {digits}}}' WHERE id = '{bad.id}'"
    )
    leases = BackgroundLeases(desk.database, worker="w", lease_s=600)
    [lease] = await leases.claim(2, ANY)
    assert lease.id == good.id
    [done] = await taken(desk.database, batch, 1)
    assert isinstance(done.result, Failure)
    assert done.result.reason is FailureReason.INVALID_JOB


async def test_a_dead_worker_s_job_that_cannot_be_taken_back_holds_up_no_other(desk: Desk) -> None:
    jobs = [question(f"배경 {number}") for number in range(3)]
    await put_background(desk.database, *jobs)
    leases = BackgroundLeases(desk.database, worker="dead", lease_s=600)
    assert len(await leases.claim(3, ANY)) == 3
    await desk.execute("UPDATE background_jobs SET lease_until = now() - interval '1 hour'")
    await refuse(desk, f"NEW.id = '{jobs[1].id}'")
    before = faults("reap")
    await BackgroundReaper(desk.database).reap()
    states = [(await background_row(desk.database, job.id)).state for job in jobs]
    assert states == ["queued", "running", "queued"]
    assert faults("reap") == before + 1


class Odd(Stuck):
    """An engine whose model has a name that Postgres does not hold."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def generate(self, job: Job) -> AsyncGenerator[Delta | Completion, None]:
        yield Completion(
            text="네.", finish_reason=FinishReason.STOP, model=self.name, prompt_tokens=1,
            completion_tokens=1,
        )  # fmt: skip

    async def close(self) -> None: ...


@pytest.mark.parametrize("name", ["\ud800", "\x00"], ids=["a lone surrogate", "NUL"])
async def test_a_result_that_postgres_cannot_hold_ends_as_a_failure(desk: Desk, name: str) -> None:
    batch = await put_background(desk.database, question())
    async with running_worker(*desk.urls, Odd(name)):
        [done] = await taken(desk.database, batch, 1)
    assert isinstance(done.result, Failure)
    assert done.result.reason is FailureReason.ENGINE_ERROR
