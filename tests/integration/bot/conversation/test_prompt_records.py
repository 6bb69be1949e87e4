"""What the bot keeps of each prompt, compared with the jobs that a worker claims."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from bot.admin.reading import prompt_page
from bot.domain.pictures import Picture
from bot.store.prompt_settings import PromptSettings
from inference_queue.leases import MAX_RUNS, Lease
from inference_queue.protocol import Completion, FinishReason, SamplingParams
from tests.integration.bot.conversation.conversation_parts import Parts, running_parts

LONG_AGO = datetime.now(UTC) - timedelta(minutes=1)


@pytest.fixture
async def parts(database_url: str, redis_url: str) -> AsyncIterator[Parts]:
    async with running_parts(database_url, redis_url, merge_window_s=1.0) as running:
        yield running


async def ask(parts: Parts, words: str, *, key: str, **changes: Any) -> UUID:
    """A turn that waits since long ago: its burst is over, and all came at once."""
    return await parts.wait(words, key=key, received_at=LONG_AGO, **changes)


async def claim(parts: Parts) -> Lease:
    await parts.schedule_all()
    [lease] = await parts.worker.claim(1)
    return lease


async def finish(parts: Parts, lease: Lease, answer: str, *, cut_chars: int = 0) -> None:
    done = Completion(
        text=answer, finish_reason=FinishReason.STOP, model="m", prompt_tokens=1,
        completion_tokens=1, cut_chars=cut_chars,
    )  # fmt: skip
    assert await parts.worker.finish(lease, done)
    await parts.settler.settle()


async def recorded(parts: Parts, turn_id: UUID) -> list[tuple[str, str | None]]:
    """The messages of the turn's prompt as the dashboard puts them together."""
    found = await prompt_page.load(parts.database, turn_id)
    assert found is not None
    return [(one.role, one.text) for one in prompt_page.prompt_messages(found)]


def sent(lease: Lease) -> list[tuple[str, str | None]]:
    return [(message.role.value, message.content) for message in lease.job.messages]


async def test_the_record_of_a_prompt_gives_the_very_messages_of_its_job(parts: Parts) -> None:
    for number in range(7):
        turn_id = await ask(parts, f"질문 {number}", key="room")
        lease = await claim(parts)
        assert await recorded(parts, turn_id) == sent(lease)
        await finish(parts, lease, f"답 {number}")
    assert len(lease.job.messages) == 1 + 2 * 5 + 1


async def test_the_record_of_a_merged_burst_gives_its_messages_too(parts: Parts) -> None:
    await ask(parts, "하나", key="room")
    turn_id = await ask(parts, "둘", key="room")
    lease = await claim(parts)
    assert lease.job.messages[-1].content == "하나\n둘"
    assert await recorded(parts, turn_id) == sent(lease)


async def test_a_question_that_is_asked_again_is_recorded_without_the_old_answer(
    parts: Parts,
) -> None:
    first = await ask(parts, "질문", key="room")
    await finish(parts, await claim(parts), "옛 답")
    again = await ask(parts, "질문", key="room", regenerates=first)
    lease = await claim(parts)
    assert await recorded(parts, again) == sent(lease)
    assert "옛 답" not in str(sent(lease))


@pytest.mark.parametrize("beside", [None, "이건 뭐예요?"])
async def test_the_record_of_a_prompt_with_pictures_gives_its_text(
    parts: Parts, beside: str | None
) -> None:
    if beside is not None:
        await ask(parts, beside, key="room")
    picture = Picture(content=b"\xff\xd8\xff", width=1, height=1)
    media = ({"type": "image"},)
    turn_id = await ask(parts, "[사진]", key="room", media=media, pictures=(picture,))
    lease = await claim(parts)
    assert len(lease.job.messages[-1].pictures) == 1
    assert await recorded(parts, turn_id) == sent(lease)


async def test_settings_are_stored_once_for_many_prompts(parts: Parts) -> None:
    for number in range(3):
        await ask(parts, f"질문 {number}", key=f"room {number}")
        await finish(parts, await claim(parts), "답")
    [row] = await parts.rows(
        "SELECT sampling, (SELECT count(DISTINCT prompt_settings) FROM turns) AS used"
        " FROM prompt_settings"
    )
    assert row.used == 1
    assert row.sampling["max_new_tokens"] > 0


async def test_settings_that_a_rollback_took_back_are_stored_again(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = "bot.store.queueing.queue_turns"
    with monkeypatch.context() as broken:
        broken.setattr(queue, _refuse)
        await ask(parts, "질문", key="room")
        with pytest.raises(ConnectionError):
            await parts.scheduler._enqueuer.enqueue(await ids(parts), {}, {})
    assert await parts.rows("SELECT id FROM prompt_settings") == []
    await claim(parts)
    assert len(await parts.rows("SELECT id FROM prompt_settings")) == 1


async def _refuse(*_: object) -> None:
    raise ConnectionError


async def ids(parts: Parts) -> list[int]:
    return [row.id for row in await parts.rows("SELECT id FROM conversations")]


async def test_every_run_of_a_job_is_kept_with_its_worker(parts: Parts) -> None:
    await ask(parts, "질문", key="room")
    lease = await claim(parts)
    assert await parts.worker.release(lease)
    [lease] = await parts.worker.claim(1)
    await finish(parts, lease, "답", cut_chars=12)
    [turn] = await parts.rows("SELECT runs, started_at, cut_chars FROM turns")
    assert [run["worker"] for run in turn.runs] == [parts.worker.worker] * 2
    assert turn.runs[0]["at"] < turn.runs[1]["at"]
    assert turn.cut_chars == 12


async def test_of_many_runs_the_first_and_the_newest_are_kept(parts: Parts) -> None:
    await ask(parts, "질문", key="room")
    lease = await claim(parts)
    for _ in range(MAX_RUNS + 4):
        assert await parts.worker.release(lease, counts=False)
        [lease] = await parts.worker.claim(1)
    await finish(parts, lease, "답")
    [turn] = await parts.rows("SELECT runs, started_at FROM turns")
    assert len(turn.runs) == MAX_RUNS
    assert turn.runs[0]["at"][:19] == turn.started_at.isoformat()[:19]


def test_other_settings_have_another_name() -> None:
    usual = PromptSettings(preset="p", system_prompt="s", sampling=SamplingParams())
    others = [
        PromptSettings(preset="q", system_prompt="s", sampling=SamplingParams()),
        PromptSettings(preset="p", system_prompt="t", sampling=SamplingParams()),
        PromptSettings(preset="p", system_prompt="s", sampling=SamplingParams(seed=1)),
        PromptSettings(
            preset="p", system_prompt="s", sampling=SamplingParams(), picture_prompt="x"
        ),
    ]
    assert len({usual.id, *(other.id for other in others)}) == 5
