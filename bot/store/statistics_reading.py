"""The statistics of a range of time, as charts read them: rows of one step."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, DateTime, Integer, Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.statistics_tables import COUNTS

_WITHIN = """
    step_s = :step_s AND starts_at >= :since AND starts_at < :until
    AND (:messenger = '' OR messenger = :messenger) AND (:tenant = '' OR tenant = :tenant)
"""
_PARAMETERS: tuple[BindParameter[Any], ...] = (
    bindparam("step_s", type_=Integer),
    bindparam("messenger", type_=Text),
    bindparam("tenant", type_=Text),
    *(bindparam(name, type_=DateTime(timezone=True)) for name in ("since", "until")),
)
#: Bots work for everybody: their time is by the conversations of all tenants.
_READ_BOTS = text(
    """
    SELECT starts_at, bots.cpu_ms, coalesce(sum(begun), 0)::bigint AS begun
    FROM statistics_bots AS bots LEFT JOIN statistics USING (step_s, starts_at)
    WHERE step_s = :step_s AND starts_at >= :since AND starts_at < :until
    GROUP BY 1, 2
    """
).bindparams(
    bindparam("step_s", type_=Integer),
    *(bindparam(name, type_=DateTime(timezone=True)) for name in ("since", "until")),
)
#: The days of as long as charts show, so few rows; each tenant's name once.
_TENANTS = text(
    """
    SELECT DISTINCT tenant FROM statistics
    WHERE step_s = 86400 AND starts_at >= :since AND tenant <> ''
      AND (:messenger = '' OR messenger = :messenger)
    ORDER BY tenant LIMIT :limit
    """
).bindparams(
    bindparam("since", type_=DateTime(timezone=True)),
    bindparam("messenger", type_=Text),
    bindparam("limit", type_=Integer),
)
#: Tenants that a page lists; another is shown where the address names it.
MAX_TENANTS = 100
_READ_COUNTS = text(
    f"""
    SELECT starts_at, messenger, sum(max_waiting)::bigint AS max_waiting,
        {", ".join(f"sum({name})::bigint AS {name}" for name in COUNTS)}
    FROM statistics WHERE {_WITHIN} GROUP BY 1, 2
    """
).bindparams(*_PARAMETERS)
#: Step by step where a chart draws the kind; the others in one row at the span's beginning. Keys
#: are taken apart once they are summed, and as floats, which are whole up to nine quadrillion:
#: sums of larger integers are decimal ones, and slow.
_READ_DETAILS = text(
    f"""
    SELECT coalesce(starts_at, :since) AS starts_at, split_part(key, ':', 1) AS kind,
        array_agg(split_part(key, ':', 2)) AS names, array_agg(count) AS numbers
    FROM (
        SELECT CASE WHEN key ^@ ANY(:by_step) THEN starts_at END AS starts_at, key,
            sum(value::float8)::bigint AS count
        FROM statistics, jsonb_each_text(details) WHERE {_WITHIN} GROUP BY 1, 2
    ) AS sums GROUP BY 1, 2
    """
).bindparams(*_PARAMETERS, bindparam("by_step", type_=ARRAY(Text)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A range of time in steps; ``messenger``, ``tenant``: "" for all of them."""

    step_s: int
    since: datetime
    until: datetime  #: exclusive
    messenger: str = ""
    tenant: str = ""

    def values(self) -> dict[str, object]:
        """The parameters of the statements."""
        return {
            "step_s": self.step_s,
            "since": self.since,
            "until": self.until,
            "messenger": self.messenger,
            "tenant": self.tenant,
        }


@dataclass(frozen=True, slots=True)
class BotsTime:
    """What all bots used of their processors in a step, and the conversations that began in it."""

    cpu_ms: int
    begun: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What was counted in a span, by the beginning of its steps; empty ones are absent."""

    counts: Mapping[tuple[datetime, str], Mapping[str, int]]  #: by step and messenger
    #: The further counts by their kind, then by step: of a stage by bucket, of failures by reason.
    #: A kind that was not asked for by step has all of them at the span's beginning.
    details: Mapping[str, Mapping[datetime, Counter[str]]]
    bots: Mapping[datetime, BotsTime] = field(default_factory=dict)  #: by step

    def total(self, name: str) -> int:
        """The sum of a count over the span."""
        return sum(row[name] for row in self.counts.values())

    def failures(self, at: datetime) -> Counter[str]:
        """The failed and expired turns of a step, by their reason."""
        return self.details.get("failed", {}).get(at, Counter())

    def histogram(self, stage: str, at: datetime | None = None) -> Counter[int]:
        """The counts by bucket of a stage, in one step or over the span."""
        by_step = self.details.get(stage, {})
        found: Counter[int] = Counter()
        for step in by_step.values() if at is None else [by_step.get(at, Counter())]:
            for bucket, count in step.items():
                found[int(bucket)] += count
        return found


async def read_statistics(
    connection: AsyncConnection, span: Span, kinds: Sequence[str]
) -> Statistics:
    """What was counted in the span; details of these kinds step by step."""
    values = span.values()
    counts = (await connection.execute(_READ_COUNTS, values)).mappings()
    by_step = {(row["starts_at"], row["messenger"]): dict(row) for row in counts}
    details: dict[str, dict[datetime, Counter[str]]] = defaultdict(dict)
    prefixes = [f"{kind}:" for kind in kinds]
    for row in await connection.execute(_READ_DETAILS, values | {"by_step": prefixes}):
        details[row.kind][row.starts_at] = Counter(dict(zip(row.names, row.numbers, strict=True)))
    bots = await connection.execute(
        _READ_BOTS, {name: values[name] for name in ("step_s", "since", "until")}
    )
    times = {row.starts_at: BotsTime(row.cpu_ms, row.begun) for row in bots}
    return Statistics(counts=by_step, details=details, bots=times)


async def tenants(connection: AsyncConnection, since: datetime, messenger: str = "") -> list[str]:
    """The tenants with statistics since then, by name, ``MAX_TENANTS`` at most."""
    values = {"since": since, "messenger": messenger, "limit": MAX_TENANTS}
    return list((await connection.execute(_TENANTS, values)).scalars())
