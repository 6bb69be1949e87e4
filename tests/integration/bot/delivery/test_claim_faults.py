"""A row that cannot be claimed: every other conversation is answered, and an operator sees it."""

from __future__ import annotations

import time
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from bot.delivery import row_isolation
from tests.integration.bot.delivery.delivery_parts import DeliveryParts, delivery_parts, faults
from tests.support.seen_statements import after_direct_statements, seen_statements

REFUSES_CLAIM = (
    "ALTER TABLE deliveries ADD CONSTRAINT ck_broken_row "
    "CHECK (turn_id <> '{turn_id}' OR state <> 'sending') NOT VALID"
)


async def others_are_delivered(parts: DeliveryParts, bad: UUID, good: list[UUID]) -> None:
    await parts.deliver()
    assert await parts.states(good) == ["delivered"] * len(good)
    assert parts.slack.turn_ids == set(good)


async def test_a_row_that_a_constraint_refuses_to_claim_is_a_dead_letter(
    database_url: str,
) -> None:
    async with delivery_parts(database_url) as parts:
        bad, *good = await parts.add_answers(4)
        await parts.execute(REFUSES_CLAIM.format(turn_id=bad))
        counted = faults("claim_due")
        with capture_logs() as logs:
            await others_are_delivered(parts, bad, good)
        dead = await parts.delivery(bad)
        detail = "not sent: its claim failed: CheckViolationError ck_broken_row"
        assert (dead.state, dead.detail) == ("failed", detail)
        assert await parts.ledger(bad) == [("failed", detail)]
        assert faults("claim_due") > counted
        [logged] = [line for line in logs if line["event"] == "database_fault" and line["turn_ids"]]
        assert logged["turn_ids"] == [str(bad)]
        assert (logged["statement"], logged["constraint"]) == ("claim_due", "ck_broken_row")


async def test_a_dead_letter_of_a_claim_is_sent_again_once_the_row_is_mended(
    database_url: str,
) -> None:
    async with delivery_parts(database_url) as parts:
        [bad] = await parts.add_answers(1)
        await parts.execute(REFUSES_CLAIM.format(turn_id=bad))
        await parts.deliver()
        await parts.execute("ALTER TABLE deliveries DROP CONSTRAINT ck_broken_row")
        await parts.execute("UPDATE deliveries SET state = 'pending'")
        parts.dispatcher.deliver_soon([bad])
        await parts.deliver()
        assert parts.slack.turn_ids == {bad}


async def test_a_row_whose_value_does_not_fit_at_its_claim_is_a_dead_letter(
    database_url: str,
) -> None:
    """The column is too short for the error's name too: the dead letter's detail is plain."""
    async with delivery_parts(database_url) as parts:
        bad, *good = await parts.add_answers(4)
        await parts.execute("ALTER TABLE deliveries ALTER COLUMN detail TYPE varchar(20)")
        await parts.break_row(
            bad, when="NEW.state = 'sending'", does="NEW.detail := repeat('x', 21)"
        )
        await others_are_delivered(parts, bad, good)
        dead = await parts.delivery(bad)
        assert (dead.state, dead.detail) == ("failed", "fault")


async def test_a_row_whose_claim_times_out_sits_out(database_url: str) -> None:
    async with delivery_parts(database_url, statement_timeout_ms=150) as parts:
        bad, *good = await parts.add_answers(4)
        await parts.break_row(bad, when="NEW.state = 'sending'", does="PERFORM pg_sleep(5)")
        counted = faults("claim_due")
        await others_are_delivered(parts, bad, good)
        # Time-outs pass: it stays pending, and no other process is kept from it.
        assert (await parts.delivery(bad)).state == "pending"
        assert faults("claim_due") > counted


async def test_a_row_of_which_nothing_can_be_written_sits_out_and_parks_nobody(
    database_url: str,
) -> None:
    async with delivery_parts(database_url) as parts:
        [bad] = await parts.add_answers(1)
        await parts.break_row(bad, when="true")
        await parts.deliver()
        assert (await parts.delivery(bad)).state == "pending"
        counted = faults("claim_due")
        [good] = await parts.add_answers(1)
        # One statement again, which leaves the row out: nothing fails.
        assert {claim.turn_id for claim in await parts.claimer.claim(5)} == {good}
        assert await parts.claimer.claim(5, [bad]) == []
        assert faults("claim_due") == counted


async def test_a_row_that_sat_out_is_tried_alone_and_takes_part_again(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_isolation, "PAUSE_BASE_S", 0.0)
    async with delivery_parts(database_url) as parts:
        [bad] = await parts.add_answers(1)
        await parts.break_row(bad, when="true")
        await parts.deliver()
        [good] = await parts.add_answers(1)
        # Still broken: its try costs the other nothing.
        assert [claim.turn_id for claim in await parts.claimer.claim(5)] == [good]
        await parts.mend_row()
        assert [claim.turn_id for claim in await parts.claimer.claim(5)] == [bad]


async def test_a_schema_that_lags_behind_makes_no_dead_letters(database_url: str) -> None:
    """Every row fails alike: that is nobody's row, and it is mended by a migration."""
    async with delivery_parts(database_url) as parts:
        turns = await parts.add_answers(3)
        await parts.break_row(turns[0], when="true", does="PERFORM 1 FROM table_of_a_later_version")
        await parts.deliver()
        assert await parts.states(turns) == ["pending", "delivered", "delivered"]


async def test_where_nothing_fails_a_claim_is_one_statement(database_url: str) -> None:
    async with delivery_parts(database_url) as parts:
        await parts.add_answers(3)
        await parts.claimer.claim(0)
        with seen_statements(parts.database) as statements:
            assert len(await parts.claimer.claim(5)) == 3
        assert len(statements) == 1


async def test_the_time_in_which_a_bot_was_frozen_counts_to_its_claims_age(
    database_url: str,
) -> None:
    """Others may have recovered it meanwhile, and sent the answer."""
    answered_at: list[float] = []

    def freeze(*_: object) -> None:
        answered_at.append(time.monotonic())
        time.sleep(0.1)

    async with delivery_parts(database_url) as parts:
        await parts.add_answers(1)
        with after_direct_statements(freeze):
            [claim] = await parts.claimer.claim(5)
    assert claim.taken_at <= answered_at[0]
