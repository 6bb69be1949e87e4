"""The whole bot, with one person's delivery that the database refuses to write."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from bot.store.deliveries import DEAD_LETTERS
from tests.integration.bot.delivery.delivery_parts import faults
from tests.support.stack import Stack, running_stack, served

OTHERS = ("U1", "U2", "U3")


async def break_deliveries_of(stack: Stack, sender: str, *, state: str, does: str) -> None:
    async with stack.database.begin() as connection:
        for statement in (
            f"""CREATE FUNCTION break_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF (SELECT sender FROM turns WHERE id = NEW.turn_id) = '{sender}' THEN {does};
                END IF; RETURN NEW; END $$""",
            f"""CREATE TRIGGER break_row BEFORE UPDATE ON deliveries FOR EACH ROW
            WHEN (NEW.state = '{state}') EXECUTE FUNCTION break_row()""",
        ):
            await connection.execute(text(statement))


@pytest.mark.parametrize(
    ("statement", "state", "does", "dead"),
    [
        ("claim_due", "sending", "RAISE check_violation", "failed"),
        ("claim_due", "sending", "NEW.via := 'nowhere'", "failed"),
        ("record", "delivered", "RAISE check_violation", "unconfirmed"),
        ("record", "delivered", "NEW.via := 'nowhere'", "unconfirmed"),
    ],
)
async def test_everybody_else_is_answered_and_an_operator_sees_the_row(
    database_url: str, redis_url: str, statement: str, state: str, does: str, dead: str
) -> None:
    async with served() as made, running_stack(database_url, redis_url, made[1]) as stack:
        await break_deliveries_of(stack, "UBAD", state=state, does=does)
        counted = faults(statement)
        for user_id in ("UBAD", *OTHERS):
            await stack.say_slack(f"나는 {user_id}", user_id=user_id)
        found = await stack.until(f"SELECT * FROM deliveries WHERE state = '{dead}'")
        assert found.state in DEAD_LETTERS
        await stack.until("SELECT 1 FROM deliveries WHERE state = 'delivered' HAVING count(*) = 3")
        shown = {post.markdown for post in stack.slack.shown}
        assert shown >= {f"에코: 나는 {user_id}" for user_id in OTHERS}
        ledger = f"SELECT state FROM delivery_attempts WHERE turn_id = '{found.turn_id}'"
        assert [row.state for row in await stack.rows(ledger)] == [dead]
        assert faults(statement) > counted


async def test_a_delivery_that_cannot_be_written_at_all_parks_nobody(
    database_url: str, redis_url: str
) -> None:
    async with served() as made, running_stack(database_url, redis_url, made[1]) as stack:
        await break_deliveries_of(stack, "UBAD", state="sending", does="PERFORM no_such_function()")
        await stack.say_slack("나는 UBAD", user_id="UBAD")
        await stack.until("SELECT 1 FROM turns WHERE status = 'answered'")
        for user_id in OTHERS:
            await stack.say_slack(f"나는 {user_id}", user_id=user_id)
            await stack.slack.next_post(count=OTHERS.index(user_id) + 1)
        await stack.until("SELECT 1 FROM deliveries WHERE state = 'delivered' HAVING count(*) = 3")
        async with stack.database.begin() as connection:
            await connection.execute(text("DROP TRIGGER break_row ON deliveries"))
        # A missing function is mended by a migration: the row only sat out.
        await stack.until("SELECT 1 FROM deliveries WHERE state = 'delivered' HAVING count(*) = 4")
