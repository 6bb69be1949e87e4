"""Delays between attempts."""

from __future__ import annotations

from runtime.backoff import exponential_backoff_s


def test_the_delay_doubles_up_to_its_bound() -> None:
    delays = [exponential_backoff_s(attempt, base_s=1.0, max_s=8.0) for attempt in range(1, 7)]
    assert delays == [1, 2, 4, 8, 8, 8]


def test_the_first_delay_is_the_base_and_bounded_too() -> None:
    assert exponential_backoff_s(0, base_s=0.5, max_s=8.0) == 0.5
    assert exponential_backoff_s(1, base_s=20.0, max_s=8.0) == 8.0


def test_a_huge_attempt_does_not_overflow() -> None:
    assert exponential_backoff_s(10**6, base_s=1.0, max_s=60.0) == 60.0
