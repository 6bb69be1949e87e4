"""The pages of the charts, on statistics that were really counted."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bot.admin.charts.counter import StatisticsCounter
from tests.support.admin import Client
from tests.support.sample_turns import add_turn

RANGES = ["1h", "6h", "1d", "7d", "30d", "90d"]
PAGES = ["charts", "charts/latency-whole", "charts/volume"]
MAX_BYTES = 60_000

#: Ninety days of every step, busy ones: two messengers, all stages, in each of them.
FILL = text(
    """
    INSERT INTO statistics (step_s, starts_at, messenger, tenant, ended, answered, judged, in_time,
        begun, completion_tokens, generation_ms, details)
    SELECT step_s, at, messenger, 'shop', 90, 80, 90, 70, 30, 9000, 400000, (
        SELECT jsonb_object_agg(stage || ':' || bucket, 5)
        FROM unnest(ARRAY['whole', 'queue', 'start', 'first_token', 'generate', 'deliver']) stage,
            generate_series(12, 30) AS bucket
    ) || '{"failed:engine_error": 10}'
    FROM unnest(ARRAY[60, 300, 900, 3600, 21600, 86400]) AS step_s, generate_series(
        date_bin(make_interval(secs => step_s), now() - interval '90 days',
            timestamptz '2000-01-01 00:00:00+09'),
        now(), make_interval(secs => step_s)) AS at, unnest(ARRAY['kakao', 'slack']) AS messenger
    """
)


FILL_TENANTS = text(
    """
    INSERT INTO statistics (step_s, starts_at, messenger, tenant, ended, answered)
    SELECT step_s, date_bin(make_interval(secs => step_s), now(),
        timestamptz '2000-01-01 00:00:00+09'), 'kakao', tenant, ended, ended
    FROM unnest(ARRAY[60, 86400]) AS step_s,
        (VALUES ('채널-가', 3), ('<b>나', 40)) AS of (tenant, ended)
    """
)


#: What all bots used within the minute of ``at``.
ADD_CPU = text(
    """
    INSERT INTO statistics_bots (step_s, starts_at, cpu_ms)
    SELECT 60, date_bin('1 minute', CAST(:at AS timestamptz), timestamptz '2000-01-01'), 12000
    """
)


async def count(database_url: str) -> None:
    """Count by the real job, in transactions."""
    engine = create_async_engine(database_url)
    await StatisticsCounter(database=engine).count()
    await engine.dispose()


async def shown(client: Client, path: str, status: int = 200) -> str:
    response = await client.get(path)
    assert response.status == status
    return await response.text()


async def test_without_turns_the_page_says_what_to_do(operator: Client) -> None:
    page = await shown(operator, "/admin/charts")
    assert "아직 집계하지 않았습니다" in page
    assert "메신저로 질문이 오면 1분 안에" in page


async def test_what_was_counted_is_shown(
    operator: Client, database: AsyncEngine, database_url: str
) -> None:
    now = datetime.now(UTC)
    for number in range(4):
        await add_turn(database, key=f"r{number}", received_at=now - timedelta(minutes=number + 2))
    await add_turn(
        database, answer=None, messenger="slack", status="failed", delivery="failed",
        failure_reason="engine_error", settled_at=now - timedelta(minutes=3),
    )  # fmt: skip
    await count(database_url)
    page = await shown(operator, "/admin/charts?range=1h")
    assert "5건" in page
    assert "80%" in page
    errors = await shown(operator, "/admin/charts/errors?range=1h")
    assert "모델 서버 오류" in errors
    kakao = await shown(operator, "/admin/charts/volume?range=1h&messenger=kakao")
    assert "4건" in kakao
    assert "5건" not in kakao


async def test_a_table_holds_the_numbers_of_its_chart(
    operator: Client, database: AsyncEngine, database_url: str
) -> None:
    await add_turn(database, received_at=datetime.now(UTC) - timedelta(minutes=5))
    await count(database_url)
    page = await shown(operator, "/admin/charts/latency-whole?range=1h")
    rows = re.findall(r'<th scope="row">[^<]+</th>((?:<td>[^<]*</td>)+)', page)
    assert len(rows) == 60
    counted = [row for row in rows if "–" not in row]
    # 60 ms, 20 a character, and 90 until the delivery: 370, and within 9 % of it.
    assert [re.findall(r"<td>([^<]*)</td>", row) for row in counted] == [["395ms"] * 3]


async def test_the_time_of_processors_and_engine_is_shown_of_what_reports_it(
    operator: Client, database: AsyncEngine, database_url: str
) -> None:
    at = datetime.now(UTC) - timedelta(minutes=5)
    await add_turn(database, key="new", received_at=at, cpu_ms=250.0, busy_ms=2_000.0)
    await add_turn(database, key="old", received_at=at)
    await count(database_url)
    async with database.begin() as connection:
        await connection.execute(ADD_CPU, {"at": at})
    page = await shown(operator, "/admin/charts/gpu?range=1h")
    assert "2.0초" in page
    assert "답변 2건 가운데 1건에서 잰 값" in page
    processors = await shown(operator, "/admin/charts/cpu?range=1h")
    assert "워커 0.250초" in processors
    assert "봇 6.0초" in processors  # 12 seconds of two conversations
    one = await shown(operator, "/admin/charts/cpu?range=1h&tenant=nobody")
    assert "봇 6.0초" in one  # bots work for everybody
    assert "워커 0.250초" not in one


@pytest.mark.parametrize(
    ("cpu_ms", "bots_report", "told"),
    [(250.0, True, False), (None, True, True), (250.0, False, True)],
    ids=["all report", "a bot stored an answer without its time", "no bot reports"],
)
async def test_the_chart_says_where_bots_report_no_time(
    operator: Client,
    database: AsyncEngine,
    database_url: str,
    cpu_ms: float | None,
    bots_report: bool,
    told: bool,
) -> None:
    at = datetime.now(UTC) - timedelta(minutes=5)
    await add_turn(database, received_at=at, cpu_ms=cpu_ms)
    await count(database_url)
    if bots_report:
        async with database.begin() as connection:
            for minute in range(2):  # the answer may end in the next one
                await connection.execute(ADD_CPU, {"at": at + timedelta(minutes=minute)})
    processors = await shown(operator, "/admin/charts/cpu?range=1h")
    sentence = "그런 봇이 함께 돌던 동안 봇의 값은 실제보다 낮거나 없습니다"
    assert (sentence in processors) is told
    assert sentence not in await shown(operator, "/admin/charts/gpu?range=1h")


async def test_every_chart_is_of_the_chosen_tenant_alone(
    operator: Client, database: AsyncEngine
) -> None:
    async with database.connect() as connection:
        await connection.execute(FILL_TENANTS)
    every = await shown(operator, "/admin/charts?range=1h")
    assert "43건" in every
    assert "<option>채널-가</option>" in every
    assert "&lt;b&gt;나</option>" in every
    one = await shown(operator, "/admin/charts?range=1h&tenant=채널-가")
    assert "43건" not in one
    assert "<option selected>채널-가</option>" in one
    assert "range=7d&amp;tenant=" in one  # other ranges keep the choice
    days = await shown(operator, "/admin/charts/volume?range=90d&tenant=채널-가")
    assert "3건" in days
    assert "40건" not in days
    unknown = await shown(operator, "/admin/charts?range=1h&tenant=nobody")
    assert "<option selected>nobody</option>" in unknown
    await shown(operator, f"/admin/charts?tenant={'x' * 300}", 400)


async def test_ninety_days_of_minutes_are_shown_at_once(
    operator: Client, database: AsyncEngine
) -> None:
    async with database.connect() as connection:
        await connection.execute(FILL)
        await connection.execute(text("ANALYZE statistics"))
    for path in (f"{page}?range={name}" for name in RANGES for page in PAGES):
        started = time.perf_counter()
        page = await shown(operator, f"/admin/{path}")
        assert time.perf_counter() - started < 5  # measured: below 0.1 s on an idle machine
        assert len(page.encode()) < MAX_BYTES
        assert "<path" in page
        assert "style=" not in page


@pytest.mark.parametrize("query", ["range=2h", "messenger=line", "end=x", "end=0001-01-01T00:00"])
async def test_an_address_that_cannot_be_read_is_told(operator: Client, query: str) -> None:
    for path in ("/admin/charts", "/admin/charts/volume"):
        page = await shown(operator, f"{path}?{query}", 400)
        assert "알 수 없습니다" in page or "읽을 수 없습니다" in page


async def test_an_unknown_chart_is_not_found(operator: Client) -> None:
    for name in ("nothing", "latency-", "latency-x", "%3Cscript%3E"):
        await shown(operator, f"/admin/charts/{name}", 404)


async def test_hostile_names_stay_text(
    operator: Client, database: AsyncEngine, database_url: str
) -> None:
    attack = "<script>alert(1)</script>"
    at = datetime.now(UTC) - timedelta(minutes=5)
    await add_turn(
        database, answer=None, messenger=attack, status="failed", failure_reason=attack,
        settled_at=at, received_at=at,
    )  # fmt: skip
    await count(database_url)
    for path in ("charts?range=1h", "charts/volume?range=1h", "charts/errors?range=1h"):
        page = await shown(operator, f"/admin/{path}")
        assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
