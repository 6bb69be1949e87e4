"""The page of the reviewers' agreement: of a queue, of pairs, of each reason."""

from __future__ import annotations

import re
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.dashboard_users import Role
from tests.support.admin import Client, add_user
from tests.support.audit import logged
from tests.support.reviews import judge, new_queue, rows
from tests.support.sample_turns import NOON, add_turn

#: By turn: what lee and kim say. 35 of 50 agree (tests/unit/bot/admin/reviews/test_agreement.py).
JUDGED = [("good", "good")] * 20 + [("good", "bad")] * 5 + [("bad", "good")] * 10
JUDGED += [("bad", "bad")] * 15
REVIEW = """
    INSERT INTO reviews (turn_id, reviewer_id, verdict, reasons)
    VALUES (:turn, :who, :verdict, CASE WHEN :verdict = 'bad' THEN '{wrong}'::text[] ELSE '{}' END)
"""
COUNT = """
    INSERT INTO judged_turns (turn_id, received_at, reviews)
    SELECT turn_id, max(received_at), count(*) FROM reviews JOIN turns ON turns.id = turn_id
    GROUP BY turn_id
"""


async def add_reviews(database: AsyncEngine) -> None:
    who = [await add_user(database, name, Role.REVIEWER) for name in ("lee", "kim")]
    for number, said in enumerate(JUDGED):
        turn_id = await add_turn(database, received_at=NOON + timedelta(minutes=number))
        for reviewer, verdict in zip(who, said, strict=True):
            await rows(database, REVIEW, turn=turn_id, who=reviewer, verdict=verdict)
    await rows(database, COUNT)


def lines(page: str) -> dict[str, tuple[int, str, str]]:
    """The lines of both tables: turns, coefficient and interval by name."""
    found = re.findall(
        r'<th scope="row">([^<]+)</th><td class="number">([\d,]+)</td>'
        r'<td class="number">([^<]+)</td><td class="number">([^<]+)</td>',
        page,
    )
    return {name: (int(units), value, interval) for name, units, value, interval in found}


async def test_the_agreement_of_all_and_of_a_pair_is_shown_with_its_interval(
    operator: Client, database: AsyncEngine
) -> None:
    empty = await (await operator.get("/admin/agreement")).text()
    assert "두 명 이상이 검토한 답변이 아직 없습니다" in empty
    await add_reviews(database)
    queue = await new_queue(operator, database, reviewers="2")
    everything = await (await operator.get("/admin/agreement")).text()
    of_the_queue = await (await operator.get(f"/admin/agreement?queue={queue}")).text()
    found = lines(everything)
    assert found["kim · lee"][:2] == (50, "0.400")
    low, high = map(float, found["kim · lee"][2].split(" – "))
    assert low < 0.4 < high
    assert found["판정"][0] == 50
    assert found["틀림"][:2] == found["판정"][:2]
    assert found["형식"][1] == "–"
    assert lines(of_the_queue) == found
    assert "믿기 어려움" in everything
    assert "agreement_read" in [one.action for one in await logged(database)]


async def test_a_queue_that_there_is_not_is_told(operator: Client) -> None:
    for query in ("7", "x", "99999999999999999999"):
        assert (await operator.get(f"/admin/agreement?queue={query}")).status == 404


async def test_turns_outside_a_queue_do_not_count_for_it(
    operator: Client, database: AsyncEngine
) -> None:
    await add_reviews(database)
    turn_id = await add_turn(database, "환불")
    queue = await new_queue(operator, database, q="환불")
    await judge(operator, turn_id, queue)
    page = await (await operator.get(f"/admin/agreement?queue={queue}")).text()
    assert "두 명 이상이 검토한 답변이 아직 없습니다" in page
