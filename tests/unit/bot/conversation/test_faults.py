"""Whose fault an error is, and how long a row is left alone."""

from __future__ import annotations

import pytest
from sqlalchemy import exc

from bot.conversation import faults
from bot.conversation.faults import (
    MAX_PAUSE_S,
    MAX_PAUSED,
    MAX_TRANSIENT_FAULTS,
    FaultHandler,
    FaultKind,
    Quarantine,
    fault_kind,
)


class PostgresError(Exception):
    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


def with_state(state: str) -> Exception:
    return exc.DBAPIError("UPDATE", {}, PostgresError(state))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (with_state("23514"), FaultKind.ROW),
        (with_state("22001"), FaultKind.ROW),
        (with_state("P0001"), FaultKind.ROW),
        (ValueError(), FaultKind.ROW),
        (KeyError(), FaultKind.ROW),
        (with_state("40P01"), FaultKind.TRANSIENT),
        (with_state("57014"), FaultKind.TRANSIENT),
        (TimeoutError(), FaultKind.TRANSIENT),
        (with_state("42703"), FaultKind.PROGRAM),
        (AttributeError(), FaultKind.PROGRAM),
    ],
)
def test_an_error_is_told_by_what_it_blames(error: Exception, kind: FaultKind) -> None:
    assert fault_kind(error) is kind


def test_a_pause_grows_to_its_bound() -> None:
    quarantine: Quarantine[int] = Quarantine()
    pauses = [quarantine.add(1) for _ in range(12)]
    assert [faults for faults, _ in pauses] == list(range(1, 13))
    assert [pause for _, pause in pauses[:4]] == [1.0, 2.0, 4.0, 8.0]
    assert pauses[-1][1] == MAX_PAUSE_S
    assert quarantine.paused() == [1]


def test_a_released_row_takes_part_again() -> None:
    quarantine: Quarantine[int] = Quarantine()
    quarantine.add(1)
    quarantine.add(2)
    quarantine.release_all([2, 3])
    assert quarantine.paused() == [1]
    assert quarantine.add(2)[0] == 1


def test_no_more_rows_are_remembered_than_the_bound() -> None:
    quarantine: Quarantine[int] = Quarantine()
    for row in range(MAX_PAUSED + 5):
        quarantine.add(row)
    assert quarantine.paused() == list(range(5, MAX_PAUSED + 5))


def test_a_pause_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    quarantine: Quarantine[int] = Quarantine()
    quarantine.add(1)
    later = faults.time.monotonic() + 1.5  # type: ignore[attr-defined]
    monkeypatch.setattr(faults.time, "monotonic", lambda: later)  # type: ignore[attr-defined]
    assert quarantine.paused() == []


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
    assert rows.quarantine.paused() == []


async def test_a_row_that_only_hangs_gets_more_tries() -> None:
    bury = Burials()
    rows = handler(bury)
    for _ in range(MAX_TRANSIENT_FAULTS - 1):
        await rows.handle(1, TimeoutError())
    assert (bury.buried, rows.quarantine.paused()) == ([], [1])
    await rows.handle(1, TimeoutError())
    assert (bury.buried, rows.quarantine.paused()) == ([1], [])


async def test_the_program_s_own_fault_makes_no_dead_letter() -> None:
    bury = Burials()
    rows = handler(bury)
    for _ in range(5):
        await rows.handle(1, with_state("42P01"))
    assert (bury.buried, rows.quarantine.paused()) == ([], [1])


async def test_a_dead_letter_that_cannot_be_written_leaves_the_row_paused() -> None:
    rows = handler(Burials(with_state("23514")))
    await rows.handle(1, with_state("23514"))
    assert rows.quarantine.paused() == [1]


async def test_an_outage_meanwhile_is_raised() -> None:
    with pytest.raises(ConnectionResetError):
        await handler(Burials(ConnectionResetError())).handle(1, with_state("23514"))
