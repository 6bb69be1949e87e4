"""What a conversation costs, also where some answers have no times."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.admin.charts import computing
from bot.store.statistics_reading import BotsTime, Statistics
from bot.store.statistics_tables import COUNTS

AT = datetime(2026, 11, 26, tzinfo=UTC)


def statistics(*, bots: BotsTime | None = None, **counts: int) -> Statistics:
    row = dict.fromkeys(COUNTS, 0) | counts
    return Statistics(
        counts={(AT, "kakao"): row}, details={}, bots={} if bots is None else {AT: bots}
    )


def test_the_engines_time_is_by_the_conversations_that_began() -> None:
    found = statistics(answered=6, measured=6, busy_ms=12_000, begun=3)
    chart = computing.engine(found, [AT])
    assert list(chart.series.values()) == [[4.0]]
    assert chart.headline == "4.0초"
    assert "이전 버전" not in chart.note


def test_answers_of_an_older_worker_count_as_the_measured_ones() -> None:
    found = statistics(answered=6, measured=3, busy_ms=6_000, begun=3)
    chart = computing.engine(found, [AT])
    assert list(chart.series.values()) == [[4.0]]
    assert "답변 6건 가운데 3건" in chart.note


def test_nothing_is_shown_where_no_worker_reports() -> None:
    chart = computing.engine(statistics(answered=6, begun=3), [AT])
    assert chart.is_empty
    assert chart.headline == ""
    assert "6건 가운데 0건" in chart.note


def test_the_bots_time_is_by_all_conversations() -> None:
    found = statistics(answered=1, measured=1, cpu_ms=500, begun=1, bots=BotsTime(9_000, 3))
    chart = computing.processors(found, [AT])
    assert list(chart.series.values()) == [[0.5], [3.0]]
    assert chart.headline == "워커 0.500초 · 봇 3.0초"


def test_a_step_without_conversations_is_a_gap() -> None:
    chart = computing.processors(statistics(bots=BotsTime(9_000, 0)), [AT])
    assert list(chart.series.values()) == [[None], [None]]
