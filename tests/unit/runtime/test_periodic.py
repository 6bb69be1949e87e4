"""A loop whose database fails goes on, and says so once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import pytest
from sqlalchemy import exc
from structlog.testing import capture_logs

from runtime.periodic import run_periodically


def outage() -> Exception:
    return ConnectionResetError()


def fault() -> Exception:
    return exc.IntegrityError("UPDATE", {}, Exception("a constraint"))


class Rounds:
    """Raises what it is given, round by round, and then ends the loop."""

    def __init__(self, *errors: Callable[[], Exception] | None) -> None:
        self.errors = list(errors)

    async def __call__(self) -> None:
        if not self.errors:
            raise asyncio.CancelledError
        if error := self.errors.pop(0):
            raise error()


async def events(*errors: Callable[[], Exception] | None) -> list[str]:
    with capture_logs() as logs, contextlib.suppress(asyncio.CancelledError):
        await run_periodically(Rounds(*errors), 0)
    return [line["event"] for line in logs]


async def test_an_outage_is_logged_once_while_it_lasts() -> None:
    assert await events(outage, outage, outage) == ["database_gone"]


async def test_an_outage_after_a_good_round_is_logged_again() -> None:
    assert await events(outage, None, outage) == ["database_gone", "database_gone"]


async def test_a_fault_is_told_from_an_outage() -> None:
    assert await events(outage, fault, fault) == ["database_gone", "database_fault"]


async def test_any_other_error_ends_the_loop() -> None:
    with pytest.raises(ZeroDivisionError):
        await run_periodically(Rounds(ZeroDivisionError), 0)
