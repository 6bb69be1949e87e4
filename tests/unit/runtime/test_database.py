"""What an error of the database tells the log."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from sqlalchemy import exc

from runtime.database import fault_fields, is_gone


class Refused(asyncpg.PostgresError):  # type: ignore[misc]  # asyncpg has no types
    """An error of a chosen SQLSTATE, as asyncpg raises it."""


def wrapped(state: str, kind: type[exc.DBAPIError] = exc.DBAPIError) -> exc.DBAPIError:
    cause = Refused("told so")
    cause.sqlstate = state
    return kind("SELECT 1", {}, cause)


@pytest.mark.parametrize("state", ["08006", "53100", "53300", "57P01", "57P03", "58030", "25006"])
def test_a_server_that_cannot_work_is_gone(state: str) -> None:
    assert is_gone(wrapped(state))


@pytest.mark.parametrize(
    "state", ["22001", "22P05", "23505", "23514", "40P01", "42703", "54000", "55P03", "57014"]
)
def test_a_statement_or_value_at_fault_is_no_outage(state: str) -> None:
    assert not is_gone(wrapped(state))


@pytest.mark.parametrize(
    "error",
    [TimeoutError(), ConnectionResetError(), exc.TimeoutError(), asyncpg.InterfaceError("")],
)
def test_no_answer_is_an_outage(error: Exception) -> None:
    assert is_gone(error)


def test_a_mistake_of_the_program_is_no_outage() -> None:
    assert not is_gone(ValueError("no database in sight"))


async def test_a_time_out_is_named_so_and_not_by_the_cancellation_behind_it() -> None:
    with pytest.raises(TimeoutError) as raised:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()
    assert isinstance(raised.value.__cause__, asyncio.CancelledError)
    assert fault_fields(raised.value) == {"error": "TimeoutError"}
