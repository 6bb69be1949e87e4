"""Counted minutes of the last hour, for tests and pictures of the charts."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

#: A wave of questions in two messengers, with each stage's times spread around a middle.
_FILL = text(
    """
    INSERT INTO statistics (step_s, starts_at, messenger, tenant, ended, answered, failed, expired,
        begun, judged, in_time, good_votes, bad_votes, prompt_tokens, completion_tokens,
        generation_ms, measured, cpu_ms, busy_ms, max_waiting, details)
    SELECT 60, at, messenger, 'shop', n, n * 9 / 10, n / 15, n / 30, n / 4, n, n * 97 / 100, n / 20,
        n / 50, n * 200, n * 110, n * 5200, n * 9 / 10, n * 110, n * 1900,
        n / 12, (
            SELECT jsonb_object_agg(stage || ':' || (middle + b), 1 + n / (1 + abs(b - 9)))
            FROM (VALUES ('whole', 44), ('queue', 8), ('start', 16), ('first_token', 30),
                ('generate', 42), ('deliver', 24)) AS stages (stage, middle),
                generate_series(0, 18) AS b
        ) || jsonb_build_object('failed:engine_error', n / 15)
    FROM generate_series(date_trunc('minute', now()) - interval '1 hour',
        now() - interval '1 minute',
        interval '1 minute') WITH ORDINALITY AS minutes (at, number),
        (VALUES ('kakao', 40), ('slack', 25)) AS people (messenger, many),
        LATERAL (SELECT CAST(many * (1.2 + sin(number / 9.0)) AS int) AS n) AS wave
    WHERE n > 0
    """
)
_BOTS = text(
    """
    INSERT INTO statistics_bots (step_s, starts_at, cpu_ms)
    SELECT 60, starts_at, sum(begun) * 40 FROM statistics WHERE step_s = 60 GROUP BY starts_at
    """
)
_COUNTED = text("INSERT INTO statistics_progress VALUES ('ended', now() - interval '10 s')")


async def add_statistics(database: AsyncEngine) -> None:
    """Fill the hour."""
    async with database.begin() as connection:
        await connection.execute(_FILL)
        await connection.execute(_BOTS)
        await connection.execute(_COUNTED)
