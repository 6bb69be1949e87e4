"""The geometry of a turn's time line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.admin.reading.timeline import WIDTH, Bar, Moments, Run, Sending, draw

ZERO = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


def at(milliseconds: float) -> datetime:
    return ZERO + timedelta(milliseconds=milliseconds)


def sending(start: float, end: float) -> Sending:
    return Sending(via="post", state="delivered", claimed_at=at(start), recorded_at=at(end))


def placed(bars: object) -> list[tuple[str, int, int]]:
    assert isinstance(bars, list)
    return [(bar.step.kind, bar.x, bar.width) for bar in bars]


def test_an_answered_turn_is_drawn_to_scale() -> None:
    drawn = draw(
        Moments(
            received_at=ZERO,
            queued_at=at(100),
            started_at=at(200),
            first_token_ms=200,
            total_ms=600,
            settled_at=at(850),
            delivered_at=at(1_000),
            runs=[Run(worker="gpu-1", at=at(200))],
            sendings=[sending(900, 1_000)],
        ),
        now=at(99_000),
    )
    assert drawn.total_ms == 1_000
    assert placed(drawn.bars) == [
        ("wait", 0, 100),
        ("queue", 100, 100),
        ("run", 200, 600),
        ("read", 200, 200),
        ("write", 400, 400),
        ("settle", 800, 50),
        ("rest", 850, 50),
        ("send", 900, 100),
        ("delivered", 996, 4),
    ]


def test_each_run_ends_where_the_next_begins_and_the_last_one_writes() -> None:
    drawn = draw(
        Moments(
            received_at=ZERO,
            queued_at=at(0),
            started_at=at(100),
            first_token_ms=100,
            total_ms=400,
            settled_at=at(1_000),
            runs=[
                Run(worker="gpu-1", at=at(100)),
                Run(worker="gpu-2", at=at(300)),
                Run(worker="gpu-1", at=at(600)),
            ],
        ),
        now=at(0),
    )
    runs = [(bar.step.run, bar.x, bar.width) for bar in drawn.bars if bar.step.kind == "run"]
    assert [(run.worker, x, width) for run, x, width in runs if run] == [
        ("gpu-1", 100, 200),
        ("gpu-2", 300, 300),
        ("gpu-1", 600, 400),
    ]
    assert ("read", 600, 100) in placed(drawn.bars)


def test_without_recorded_runs_the_first_claim_stands_for_them() -> None:
    moments = Moments(received_at=ZERO, queued_at=at(0), started_at=at(500), settled_at=at(1_000))
    assert ("run", 500, 500) in placed(draw(moments, now=at(0)).bars)


def test_what_goes_on_reaches_until_now() -> None:
    drawn = draw(Moments(received_at=ZERO, queued_at=at(500)), now=at(2_000))
    assert placed(drawn.bars) == [("wait", 0, 250), ("queue", 250, 750)]
    assert drawn.bars[-1].step.end is None
    held = Moments(received_at=ZERO, settled_at=at(500), awaits_delivery=True)
    assert placed(draw(held, now=at(1_000)).bars)[-1] == ("rest", 500, 500)


def test_a_first_part_shown_before_the_end_draws_no_rest_backwards() -> None:
    drawn = draw(
        Moments(
            received_at=ZERO, settled_at=at(1_000), sendings=[sending(400, 500)],
            delivered_at=at(2_000),
        ),
        now=at(0),
    )  # fmt: skip
    rest = next(bar for bar in drawn.bars if bar.step.kind == "rest")
    assert (rest.start_ms, rest.length_ms) == (400, 0)


def test_clocks_that_differ_draw_nothing_outside() -> None:
    drawn = draw(Moments(received_at=ZERO, queued_at=at(-50), settled_at=at(-20)), now=at(0))
    assert all(is_inside(bar) for bar in drawn.bars)
    assert drawn.total_ms == 1


def is_inside(bar: Bar) -> bool:
    return bar.x >= 0 and bar.width > 0 and bar.x + bar.width <= WIDTH and bar.length_ms >= 0


_MS = st.floats(min_value=-1e4, max_value=1e9, allow_nan=False)
_MAYBE = st.none() | _MS


@given(_MAYBE, _MAYBE, _MAYBE, _MAYBE, _MAYBE, _MAYBE, st.lists(st.tuples(_MS, _MS), max_size=4))
def test_any_times_stay_on_the_scale(
    queued: float | None,
    started: float | None,
    first: float | None,
    total: float | None,
    settled: float | None,
    delivered: float | None,
    sent: list[tuple[float, float]],
) -> None:
    def maybe(value: float | None) -> datetime | None:
        return None if value is None else at(value)

    drawn = draw(
        Moments(
            received_at=ZERO,
            queued_at=maybe(queued),
            started_at=maybe(started),
            first_token_ms=first,
            total_ms=total,
            settled_at=maybe(settled),
            delivered_at=maybe(delivered),
            awaits_delivery=delivered is None,
            sendings=[sending(*pair) for pair in sent],
        ),
        now=at(1),
    )
    assert all(map(is_inside, drawn.bars))
