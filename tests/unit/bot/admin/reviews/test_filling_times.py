"""When a queue is filled, and with the turns of which time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.admin.reviews.filling_times import LOOK_BACK, Window, due
from bot.domain.reviews import Sampling
from bot.store.reviews.queues import Queue
from bot.store.search.segments import BEGINNING

NOON = datetime(2026, 11, 26, 3, tzinfo=UTC)  #: in Seoul
MIDNIGHT = datetime(2026, 11, 26, 15, tzinfo=UTC)
NEW = Queue(
    id=1, name="", query="", sampling=Sampling.ALL, strata=None, sample_size=None, seed=1,
    reviewers_per_turn=1, reservation_minutes=15, fills_itself=False, filled_until=None,
    scanned=0, fault="", created_at=NOON, closed_at=None, created_by="",
)  # fmt: skip


def test_a_new_queue_is_filled_with_the_log_up_to_its_making() -> None:
    for fills_itself in (False, True):
        window = due(replace(NEW, fills_itself=fills_itself), NOON + timedelta(hours=1))
        assert window == Window(since=BEGINNING, until=NOON)


def test_one_that_does_not_fill_itself_is_filled_once() -> None:
    assert due(replace(NEW, filled_until=NOON), NOON + timedelta(days=9)) is None


def test_one_that_fills_itself_looks_at_changes_every_now_and_then() -> None:
    seen = NOON - LOOK_BACK
    queue = replace(NEW, fills_itself=True, filled_until=seen)
    assert due(queue, NOON + timedelta(seconds=14)) is None
    now = NOON + timedelta(seconds=15)
    assert due(queue, now) == Window(since=BEGINNING, until=now, changed_after=seen)


def test_a_sample_is_taken_when_the_day_is_over_in_korea_and_every_day_gets_its_own() -> None:
    queue = replace(NEW, sampling=Sampling.RANDOM, fills_itself=True, filled_until=NOON)
    assert due(queue, MIDNIGHT + timedelta(minutes=9)) is None
    late = MIDNIGHT + timedelta(days=3)
    assert due(queue, late) == Window(since=NOON, until=MIDNIGHT)
    following = replace(queue, filled_until=MIDNIGHT)
    tomorrow = MIDNIGHT + timedelta(days=1)
    assert due(following, late) == Window(since=MIDNIGHT, until=tomorrow)
