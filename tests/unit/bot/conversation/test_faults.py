"""Whose fault an error is, and how long a row is left alone."""

from __future__ import annotations

import pytest
from sqlalchemy import exc

from bot.conversation.faults import (
    MAX_TRANSIENT_FAULTS,
    FaultHandler,
)


class PostgresError(Exception):
    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


def with_state(state: str) -> Exception:
    return exc.DBAPIError("UPDATE", {}, PostgresError(state))


class Burials:
    def __init__(self, error: Exception | None = None) -> None:
        self.buried: list[int] = []
        self.error = error

    async def __call__(self, row: int, _: Exception) -> None:
        if self.error:
            raise self.error
        self.buried.append(row)


def handler(bury: Burials) -> FaultHandler[int]:
    return FaultHandler("test", id_name="row", timeout_s=1, bury=bury)


async def test_a_row_at_fault_is_a_dead_letter_at_once() -> None:
    bury = Burials()
    rows = handler(bury)
    await rows.handle(1, with_state("23514"))
    assert bury.buried == [1]
    assert rows.quarantine.rows == ()


async def test_a_row_that_only_hangs_gets_more_tries() -> None:
    bury = Burials()
    rows = handler(bury)
    for _ in range(MAX_TRANSIENT_FAULTS - 1):
        await rows.handle(1, TimeoutError())
    assert (bury.buried, rows.quarantine.rows) == ([], (1,))
    await rows.handle(1, TimeoutError())
    assert (bury.buried, rows.quarantine.rows) == ([1], ())


async def test_the_program_s_own_fault_makes_no_dead_letter() -> None:
    bury = Burials()
    rows = handler(bury)
    for _ in range(5):
        await rows.handle(1, with_state("42P01"))
    assert (bury.buried, rows.quarantine.rows) == ([], (1,))


async def test_a_dead_letter_that_cannot_be_written_leaves_the_row_paused() -> None:
    rows = handler(Burials(with_state("23514")))
    await rows.handle(1, with_state("23514"))
    assert rows.quarantine.rows == (1,)


async def test_outage_during_the_burial_is_raised() -> None:
    with pytest.raises(ConnectionResetError):
        await handler(Burials(ConnectionResetError())).handle(1, with_state("23514"))
