"""What to do after a report: more questions, the people's word, the commands for it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.admin.evaluations.report import Report
from bot.store.evaluations import votes
from bot.store.replays import records
from measures.agreement import MIN_UNITS, estimate, kappa_of
from measures.paired import SMALL_POINTS, SMALL_SHARES, smaller_differences
from measures.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class BesidePeople:
    """The judge beside those who have voted until now."""

    replay: int
    pairs: int
    same: int
    kappa: float | None
    low: float | None
    high: float | None
    min_pairs: int = MIN_UNITS

    @property
    def is_enough(self) -> bool:
        """Whether kappa says something."""
        return self.pairs >= self.min_pairs


async def beside_people(
    connection: AsyncConnection, evaluation_id: int, report: Report
) -> BesidePeople | None:
    """None: the answers are of no replay, or it is gone."""
    if report.replay is None or await records.find(connection, report.replay) is None:
        return None
    counted = await votes.beside_people(connection, evaluation_id, report.replay)
    found = estimate(counted, kappa_of)
    return BesidePeople(
        replay=report.replay,
        pairs=found.units,
        same=sum(pairs for (judge, people), pairs in counted.items() if judge == people),
        kappa=found.value,
        low=found.low,
        high=found.high,
    )


def needed(report: Report) -> list[tuple[str, str]]:
    """Smaller differences, and about how many questions show them; empty with a clear verdict."""
    part = report.deciding
    if part is None or part.verdict is not Verdict.CANNOT_TELL or not part.detectable:
        return []
    goals = SMALL_SHARES if report.primary == "correct" else SMALL_POINTS
    smaller = smaller_differences(part.pairs, part.detectable, goals)
    return [(f"{goal:g}", f"{count:,}") for goal, count in smaller]


def candidate_preset(report: Report) -> str:
    """The preset that answered, where the report says it."""
    used = report.candidate.used if report.candidate else None
    return used.preset if used else ""
