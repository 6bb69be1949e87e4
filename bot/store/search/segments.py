"""Segments: disjoint ranges of time with about ``SEGMENT_TURNS`` turns each.

A turn belongs to the segment that its receipt falls into, for ever. A search reads them from the
newest, so the work for a page is bounded whatever the word: a common one fills the page from the
first segment, a rare one costs a look at each. Postgres is asked for no estimate: it expects every
array to be contained in half a percent of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import DateTime, bindparam, text

from runtime.direct import AnyConnection

SEGMENT_TURNS = 65_536

#: Before the first turn, and after the last one.
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
END = datetime(9999, 1, 1, tzinfo=UTC)

#: Newest first.
LOAD = text(
    """
    SELECT number, starts_at, indexed, turns,
        coalesce(lead(starts_at) OVER (ORDER BY starts_at), :end) AS ends_at
    FROM search_segments ORDER BY starts_at DESC
    """
).bindparams(bindparam("end", END, type_=DateTime(timezone=True)))

#: The log as it is, divided. Without any turn there is nothing to index.
DIVIDE = text(
    f"""
    INSERT INTO search_segments (starts_at, indexed)
    WITH RECURSIVE bound AS (
        SELECT CAST(:beginning AS timestamptz) AS starts_at
        UNION ALL
        SELECT (
            SELECT received_at FROM turns WHERE received_at > bound.starts_at
            ORDER BY received_at OFFSET {SEGMENT_TURNS - 1} LIMIT 1
        ) FROM bound WHERE bound.starts_at IS NOT NULL
    )
    SELECT starts_at, NOT EXISTS (SELECT FROM turns) FROM bound
    WHERE starts_at IS NOT NULL AND NOT EXISTS (SELECT FROM search_segments)
    """
).bindparams(bindparam("beginning", BEGINNING, type_=DateTime(timezone=True)))

#: If the newest is full. No turn that is indexed falls into the new one.
OPEN_NEXT = text(
    """
    INSERT INTO search_segments (starts_at, indexed)
    SELECT max(received_at) + interval '1 microsecond', true FROM turns
    HAVING (SELECT turns FROM search_segments ORDER BY starts_at DESC LIMIT 1) >= :size
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A range of time, with its turns in the index."""

    number: int
    starts_at: datetime  #: aware
    ends_at: datetime  #: exclusive
    indexed: bool  #: False: an older log that is being indexed, so its texts are read
    turns: int

    def overlaps(self, since: datetime, until: datetime) -> bool:
        """Whether the segment has a moment in common with the range; ``until`` is exclusive."""
        return self.starts_at < until and since < self.ends_at


#: Before the indexer has run for the first time.
EVERYTHING = Segment(number=0, starts_at=BEGINNING, ends_at=END, indexed=False, turns=0)


async def load_segments(connection: AnyConnection) -> list[Segment]:
    """All segments, newest first."""
    rows = await connection.execute(LOAD)
    return [Segment(**row._asdict()) for row in rows]


def is_incomplete(segments: Sequence[Segment]) -> bool:
    """Whether turns of an older log may be missing. ``segments``: all segments of the log."""
    return not segments or not all(segment.indexed for segment in segments)


async def divide_log(connection: AnyConnection) -> list[Segment]:
    """Divide the log into segments, unless it is divided; all segments, newest first."""
    if not (segments := await load_segments(connection)):
        await connection.execute(DIVIDE)
        segments = await load_segments(connection)
    return segments


async def open_next(connection: AnyConnection) -> None:
    """Open a new segment if the newest is full."""
    await connection.execute(OPEN_NEXT, {"size": SEGMENT_TURNS})


def segment_of(segments: Sequence[Segment], received_at: datetime) -> Segment:
    """The segment of a turn; ``segments``: newest first."""
    return next(segment for segment in segments if segment.starts_at <= received_at)
