"""What a settlement writes of results that it reads itself: what Python would, or nothing."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from bot.store.settlements import settle_unread
from inference_queue.protocol import Completion, Failure, FailureReason, FinishReason
from inference_queue.wire import dump_remarks, dump_result
from runtime.database import DATABASE_ERRORS
from runtime.direct import DirectConnection, connect_directly
from tests.integration.bot.conversation.conversation_parts import Parts, completion, running_parts
from tests.support.settling import Route, settle_finished

#: The same database for all examples of a property.
SHARED = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
FINISH = text(
    """
    UPDATE jobs SET state = 'finished', finished_at = now(), started_at = now(),
        result = CAST(:result AS jsonb), remarks = CAST(:remarks AS jsonb),
        runs = '[{"worker": "w", "at": "2026-11-27T00:00:00Z"}]'
    """
).bindparams(bindparam("result", type_=Text), bindparam("remarks", type_=Text))
DAMAGE = {
    column: text(f"UPDATE jobs SET {column} = {value}").bindparams(
        bindparam("path", type_=ARRAY(Text)), bindparam("value", type_=Text)
    )
    for column, value in {
        "result": "jsonb_set(result, :path, CAST(:value AS jsonb))",
        "remarks": "jsonb_set(coalesce(remarks, '{}'), :path, CAST(:value AS jsonb))",
    }.items()
}
REMOVE = text("UPDATE jobs SET result = result #- :path").bindparams(
    bindparam("path", type_=ARRAY(Text))
)
WRITTEN = text(
    """
    SELECT to_jsonb(turns) AS turn, to_jsonb(conversations) AS conversation,
        (SELECT count(*) FROM jobs) AS jobs
    FROM turns JOIN conversations ON conversations.id = conversation_id
    """
)
SPACES = "".join(filter(str.isspace, map(chr, range(sys.maxunicode + 1))))
#: JSON that some field or other may not be.
ODD = [
    *("null", "true", "[]", "{}", '""', '" "', '"x"', '"1"', '"cancelled"', '"repetition"'),
    *('"failure"', "1", "2", "1.0", "1e3", "1.5", "-1", "-0.0", "999999999", "2147483647"),
    *('["completion"]', '["stop"]', "[1]", "[0.5]", '["x"]', "1e-400", "1e-8"),
    *("2147483648", "1e12", "1e13", "99999999999.5", "1e-30", "1e400", "0.1234567890123456789012"),
]
FIELDS = [*Completion.__slots__, "version", "kind", "reason", "mood"]

words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)
counts = st.integers(0, 999_999_999)
times_ms = st.none() | st.floats(0.001, 1e8)


@st.composite
def completions(draw: st.DrawFn, texts: st.SearchStrategy[str] = words) -> Completion:
    """Any that a worker may write; both shares are measured, or none."""
    measured = draw(st.booleans())
    return Completion(
        text=draw(texts),
        finish_reason=draw(st.sampled_from(FinishReason)),
        model=draw(words),
        prompt_tokens=draw(counts),
        completion_tokens=draw(counts),
        dropped_messages=draw(counts),
        cut_chars=draw(st.just(0) | counts),
        first_token_ms=draw(times_ms),
        total_ms=draw(times_ms),
        reasoning=draw(st.just("") | words),
        cpu_ms=draw(st.floats(0, 1e8)) if measured else None,
        busy_ms=draw(st.floats(0, 1e8)) if measured else None,
    )


failures = st.builds(
    Failure, reason=st.sampled_from(FailureReason), message=words, retryable=st.booleans()
)


@dataclass(frozen=True)
class Damage:
    """A field whose value is another one, or that is gone."""

    column: str
    field: str
    value: str | None


damages = st.builds(
    Damage,
    column=st.sampled_from([*DAMAGE]),
    field=st.sampled_from(FIELDS),
    value=st.sampled_from(ODD) | st.none(),
)


@pytest.fixture
async def parts(database_url: str, redis_url: str) -> AsyncIterator[Parts]:
    """A queued turn."""
    async with running_parts(database_url, redis_url) as parts:
        await parts.wait("안녕")
        await parts.schedule_all()
        yield parts


class _UndoneError(Exception):
    """Ends a transaction without a trace."""


async def finish(connection: DirectConnection, result: Completion | Failure) -> None:
    remarks = dump_remarks(result)
    values = {
        "result": json.dumps(dump_result(result)),
        "remarks": None if remarks is None else json.dumps(remarks),
    }
    await connection.execute(FINISH, values)


async def damage(connection: DirectConnection, done: Damage) -> None:
    path = {"path": [done.field]}
    if done.value is not None:
        await connection.execute(DAMAGE[done.column], {**path, "value": done.value})
    elif done.column == "result":
        await connection.execute(REMOVE, path)


async def settled(
    connection: DirectConnection, parts: Parts, route: Route
) -> tuple[Any, ...] | None:
    """What the settlement writes, undone; None: it is refused."""
    written = None
    with contextlib.suppress(_UndoneError, *DATABASE_ERRORS):
        async with connection.begin():
            await settle_finished(connection, parts.queue, route)
            written = tuple((await connection.execute(WRITTEN)).first())
            raise _UndoneError
    return written


async def is_settled_unread(connection: DirectConnection, parts: Parts) -> bool:
    """Whether it is; what is written is asserted to be what is written of a job that was read."""
    before = tuple((await connection.execute(WRITTEN)).first())
    unread = await settled(connection, parts, Route.UNREAD)
    assert unread is not None  # whatever it is, the statement of other jobs goes on
    if unread == before:
        return False
    assert unread == await settled(connection, parts, Route.READ)
    return True


@contextlib.asynccontextmanager
async def undone(parts: Parts) -> AsyncIterator[DirectConnection]:
    async with connect_directly(parts.database) as connection:
        with contextlib.suppress(_UndoneError):
            async with connection.begin():
                yield connection
                raise _UndoneError


@SHARED
@given(completions() | completions(st.text(SPACES + "가", max_size=150)))
@example(completion(SPACES))
async def test_usual_completions_are_written_unread_as_they_are_read(
    parts: Parts, result: Completion
) -> None:
    async with undone(parts) as connection:
        await finish(connection, result)
        unread = await is_settled_unread(connection, parts)
    stopped = result.finish_reason is FinishReason.CANCELLED
    assert unread == (not stopped and result.text[:100].strip() != "")


@SHARED
@given(completions(words.map("답".__add__)) | failures, st.lists(damages, min_size=1, max_size=2))
async def test_what_python_would_read_otherwise_is_left_to_it(
    parts: Parts, result: Completion | Failure, done: list[Damage]
) -> None:
    async with undone(parts) as connection:
        await finish(connection, result)
        for one in done:
            await damage(connection, one)
        await is_settled_unread(connection, parts)


@pytest.mark.parametrize("column", DAMAGE)
async def test_no_field_is_read_otherwise_than_by_python(parts: Parts, column: str) -> None:
    result = replace(completion("답"), reasoning="왜", cut_chars=3, cpu_ms=1.5, busy_ms=2.5)
    for field, value in product(FIELDS, [*ODD, None]):
        async with undone(parts) as connection:
            await finish(connection, result)
            await damage(connection, Damage(column, field, value))
            await is_settled_unread(connection, parts)


@pytest.mark.parametrize("column", ["result", "remarks"])
@pytest.mark.parametrize("value", ["null", "1", '"completion"', "[]", '["kind"]', "{}"])
async def test_what_is_no_object_is_left_to_python(parts: Parts, column: str, value: str) -> None:
    result = completion("답")
    async with undone(parts) as connection:
        await finish(connection, result)
        await connection.execute(text(f"UPDATE jobs SET {column} = '{value}'"))
        unread = await is_settled_unread(connection, parts)
        assert await settled(connection, parts, Route.READ) is not None
    assert unread == ((column, value) == ("remarks", "{}"))


@pytest.mark.parametrize("state", ["queued", "running"])
async def test_a_job_that_is_not_finished_is_left(parts: Parts, state: str) -> None:
    async with undone(parts) as connection:
        await finish(connection, completion("답"))
        [job] = await connection.scalars(text("SELECT id FROM jobs"))
        await connection.execute(text(f"UPDATE jobs SET state = '{state}'"))
        assert await settle_unread(connection, [job]) == []
        assert await connection.scalar(text("SELECT count(*) FROM jobs")) == 1
