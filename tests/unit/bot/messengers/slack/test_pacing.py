"""Calls that are left out where there are too many."""

from __future__ import annotations

import asyncio

from bot.messengers.slack.pacing import Budget


async def test_what_exceeds_the_budget_is_left_out_and_it_grows_again() -> None:
    budget = Budget(per_s=100.0, burst=3)
    assert [budget.take("T1") for _ in range(4)] == [True, True, True, False]
    await asyncio.sleep(0.015)
    assert [budget.take("T1") for _ in range(3)] in ([True, False, False], [True, True, False])


def test_one_workspace_does_not_use_up_anothers_budget() -> None:
    budget = Budget(per_s=0.0, burst=1)
    assert budget.take("T1")
    assert not budget.take("T1")
    assert budget.take("T2")
