"""An outcome that the database does not take as it is: recorded in plainer words, never dropped."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from bot.delivery import outcome_recorder
from bot.delivery.outcome_recorder import OutcomeRecord
from bot.domain.deliveries import DeliveryResult, DeliveryState, Outcome
from tests.integration.bot.delivery.delivery_parts import delivery_parts, faults


async def test_a_detail_that_does_not_fit_is_recorded_in_plain_words(database_url: str) -> None:
    async with delivery_parts(database_url) as parts:
        turns = await parts.add_answers(3)
        await parts.execute("ALTER TABLE deliveries ALTER COLUMN detail TYPE varchar(8)")
        counted = faults("record")
        await parts.deliver()
        assert await parts.states(turns) == ["delivered"] * 3
        assert await parts.ledger(turns[0]) == [("delivered", "fault")]
        assert faults("record") == counted + 3


async def test_an_answer_that_cannot_be_recorded_as_delivered_is_unconfirmed(
    database_url: str,
) -> None:
    async with delivery_parts(database_url) as parts:
        bad, *good = await parts.add_answers(4)
        await parts.execute(
            "ALTER TABLE deliveries ADD CONSTRAINT ck_broken_row "
            f"CHECK (turn_id <> '{bad}' OR state <> 'delivered') NOT VALID"
        )
        await parts.deliver()
        assert await parts.states([bad, *good]) == ["unconfirmed", *["delivered"] * 3]
        assert await parts.ledger(bad) == [("unconfirmed", "fault")]


async def test_a_refused_answer_that_cannot_be_recorded_is_never_called_maybe_shown(
    database_url: str,
) -> None:
    async with delivery_parts(database_url) as parts:
        parts.slack.result = DeliveryResult(outcome=Outcome.RETRY, detail="HTTP 429")
        [bad] = await parts.add_answers(1)
        await parts.break_row(bad, when="OLD.state = 'sending' AND NEW.state = 'pending'")
        await parts.deliver()
        assert await parts.ledger(bad) == [("failed", "fault")]


async def test_a_callback_that_cannot_be_recorded_as_delivered_is_held(database_url: str) -> None:
    async with delivery_parts(database_url) as parts:
        [bad] = await parts.add_answers(1, messenger="kakao")
        await parts.break_row(bad, when="NEW.state = 'delivered'")
        await parts.deliver()
        assert parts.kakao.turn_ids == {bad}
        assert (await parts.delivery(bad)).state == "held"


async def test_an_outcome_that_cannot_be_recorded_at_all_is_logged_as_lost(
    database_url: str,
) -> None:
    async with delivery_parts(database_url) as parts:
        bad, *good = await parts.add_answers(4)
        await parts.break_row(bad, when="OLD.state = 'sending'")
        counted = faults("record")
        with capture_logs() as logs:
            await parts.deliver()
        assert await parts.states(good) == ["delivered"] * 3
        [lost] = [line for line in logs if line["event"] == "outcome_lost"]
        assert (lost["turn_id"], lost["claim"], lost["state"]) == (str(bad), 1, "delivered")
        assert lost["log_level"] == "error"
        assert faults("record") > counted


async def test_a_row_that_somebody_locks_is_recorded_once_it_is_free(database_url: str) -> None:
    async with delivery_parts(database_url, statement_timeout_ms=150) as parts:
        turns = await parts.add_answers(3)
        claims = await parts.claimer.claim(5)
        async with parts.database.begin() as locking:
            lock = text("SELECT 1 FROM deliveries WHERE turn_id = :id FOR UPDATE")
            await locking.execute(lock, {"id": turns[0]})
            for claim in claims:
                record = OutcomeRecord(claim=claim, state=DeliveryState.DELIVERED)
                # Returns although the row is locked: no room on the wire is lost to it.
                await parts.recorder.record(record)
            assert await parts.states(turns[1:]) == ["delivered"] * 2
        await parts.recorded()
        assert await parts.states(turns) == ["delivered"] * 3


async def test_an_outcome_that_outlasts_an_outage_is_logged_as_lost(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome_recorder, "RECORD_RETRY_S", 0.05)
    monkeypatch.setattr(outcome_recorder, "RETRY_POLL_S", 0.02)
    async with delivery_parts(database_url) as parts:
        [turn_id] = await parts.add_answers(1)
        [claim] = await parts.claimer.claim(5)

        async def gone(*_: object, **__: object) -> bool:
            raise ConnectionResetError

        monkeypatch.setattr("bot.store.delivery_outcomes.record", gone)
        record = OutcomeRecord(claim=claim, state=DeliveryState.DELIVERED)
        with capture_logs() as logs:
            await parts.recorder.record(record)
            await parts.recorded()
        assert [line["turn_id"] for line in logs if line["event"] == "outcome_lost"] == [
            str(turn_id)
        ]
        # Once for the first failure: an outage is not logged at every try.
        assert len([line for line in logs if line["event"] == "database_gone"]) == 1
