"""A row that cannot be swept, released or looked up stops none of the others."""

from __future__ import annotations

import time
from uuid import uuid4

import pytest
from sqlalchemy import text

from bot.delivery import claimer
from bot.delivery.reconciler import Reconciler
from bot.delivery.sweeper import DeliverySweeper
from bot.store import delivery_claims
from tests.integration.bot.delivery.delivery_parts import delivery_parts, faults


async def test_one_claim_that_cannot_be_recovered_does_not_stop_the_others(
    database_url: str,
) -> None:
    async with delivery_parts(database_url) as parts:
        bad, *good = await parts.add_answers(4, delivery="sending")
        await parts.execute("UPDATE deliveries SET claim = 1, claimed_until = now()")
        await parts.break_row(bad, when="NEW.state = 'unconfirmed'")
        counted = faults("recover")
        sweeper = DeliverySweeper(database=parts.database)
        await sweeper.sweep()
        assert await parts.states([bad, *good]) == ["sending", *["unconfirmed"] * 3]
        counted_once = faults("recover")
        assert counted_once > counted
        # It sits out, and the next round is one statement that succeeds.
        await sweeper.sweep()
        assert faults("recover") == counted_once


async def test_a_locked_row_does_not_stop_the_recovery_of_the_others(database_url: str) -> None:
    async with delivery_parts(database_url, statement_timeout_ms=150) as parts:
        bad, *good = await parts.add_answers(4, delivery="sending")
        await parts.execute("UPDATE deliveries SET claim = 1, claimed_until = now()")
        async with parts.database.begin() as locking:
            lock = text("SELECT 1 FROM deliveries WHERE turn_id = :id FOR UPDATE")
            await locking.execute(lock, {"id": bad})
            await DeliverySweeper(database=parts.database).sweep()
            assert await parts.states([bad, *good]) == ["sending", *["unconfirmed"] * 3]


async def test_one_answer_that_cannot_expire_does_not_stop_the_others(database_url: str) -> None:
    async with delivery_parts(database_url) as parts:
        bad, *good = await parts.add_answers(4, delivery="held")
        await parts.break_row(bad, when="NEW.state = 'expired'")
        counted = faults("expire")
        await DeliverySweeper(database=parts.database).sweep()
        assert await parts.states([bad, *good]) == ["held", *["expired"] * 3]
        assert faults("expire") > counted


async def test_one_claim_that_cannot_be_released_does_not_stop_the_others(
    database_url: str,
) -> None:
    async with delivery_parts(database_url) as parts:
        bad, *good = await parts.add_answers(4)
        unanswered = claimer.UnansweredClaims(parts.database)
        unanswered.add(name := uuid4(), time.monotonic())
        async with parts.database.begin() as connection:
            assert len(await delivery_claims.claim_due(connection, 5, name=name)) == 4
        await parts.break_row(bad, when="NEW.state = 'pending'")
        counted = faults("release_claims")
        await unanswered.release()
        assert await parts.states([bad, *good]) == ["sending", *["pending"] * 3]
        assert faults("release_claims") > counted


async def test_a_claim_that_commits_after_its_release_is_released_again(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement that was given up may still be executed by the server."""
    monkeypatch.setattr(claimer, "RELEASE_EVERY_S", 0.0)
    async with delivery_parts(database_url) as parts:
        turns = await parts.add_answers(2)
        unanswered = claimer.UnansweredClaims(parts.database)
        unanswered.add(name := uuid4(), time.monotonic())
        await unanswered.release()
        async with parts.database.begin() as connection:
            await delivery_claims.claim_due(connection, 5, name=name)
        await unanswered.release()
        assert await parts.states(turns) == ["pending"] * 2


async def test_one_lookup_that_cannot_be_claimed_does_not_stop_the_others(
    database_url: str,
) -> None:
    async with delivery_parts(database_url) as parts:
        bad, good = await parts.add_answers(2, delivery="unconfirmed")
        await parts.execute(
            "UPDATE deliveries SET claim = 1, trace_claim = 1, trace_at = now() "
            f"- make_interval(secs => CASE WHEN turn_id = '{bad}' THEN 9 ELSE 1 END)"
        )
        await parts.break_row(bad, when="NEW.traces > OLD.traces")
        counted = faults("claim_lookup")
        reconciler = Reconciler(database=parts.database, messengers={})
        await reconciler.reconcile_next()
        looked_up = await parts.delivery(good)
        assert (looked_up.traces, "cannot tell" in looked_up.detail) == (1, True)
        assert (await parts.delivery(bad)).traces == 0
        assert faults("claim_lookup") > counted


async def test_an_unreadable_reply_handle_costs_its_own_answer_only(database_url: str) -> None:
    async with delivery_parts(database_url) as parts:
        bad, *good = await parts.add_answers(3)
        await parts.execute(f"UPDATE turns SET reply_handle = '[]' WHERE id = '{bad}'")
        claims = {claim.turn_id: claim for claim in await parts.claimer.claim(5)}
        assert set(claims) == {bad, *good}
        assert claims[bad].turn.reply_handle.address == {}
