"""Polls are slow only while nothing is on its way, and activity ends a slow pause at once."""

from __future__ import annotations

import asyncio

from runtime.activity import BUSY_S, IDLE_POLL_S, Activity


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def idle_activity() -> tuple[Activity, Clock]:
    clock = Clock()
    activity = Activity(clock)
    clock.now_s += BUSY_S + 1
    return activity, clock


def test_a_process_is_busy_at_its_start_and_idle_later() -> None:
    clock = Clock()
    activity = Activity(clock)
    assert activity.poll_s(0.25) == 0.25
    clock.now_s += BUSY_S
    assert activity.poll_s(0.25) == IDLE_POLL_S


def test_a_slow_poll_gets_no_quicker_by_idleness() -> None:
    activity, _ = idle_activity()
    assert activity.poll_s(5.0) == 5.0


def test_some_polls_stay_below_a_bound() -> None:
    activity, _ = idle_activity()
    assert activity.poll_s(0.3, at_most_s=1.0) == 1.0


def test_a_sign_of_activity_makes_polls_quick_and_wakes_once() -> None:
    activity, _ = idle_activity()
    woken: list[str] = []
    activity.on_begin.append(lambda: woken.append("settler"))
    activity.note()
    activity.note()
    assert activity.poll_s(0.25) == 0.25
    assert woken == ["settler"]


async def test_activity_ends_the_slow_pauses_that_go_on() -> None:
    activity, clock = idle_activity()
    for _ in range(2):  # also of the next idle time
        pauses = [asyncio.create_task(activity.pause(3600.0)) for _ in range(2)]
        await asyncio.sleep(0)
        activity.note()
        async with asyncio.timeout(30):
            await asyncio.gather(*pauses)
        clock.now_s += BUSY_S + 1


def test_one_that_is_never_idle_stays_busy() -> None:
    assert Activity.never_idle().poll_s(0.25) == 0.25
