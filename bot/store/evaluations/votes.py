"""The judge of an evaluation beside the people who voted on the same pairs of answers."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import BigInteger, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

# Of each pair what the judge prefers (nothing where the order of the answers decided), and what
# most people do. As the evaluation counts them: evaluation/replays.py.
_COUNTED = text(
    """
    WITH voted AS (
        SELECT i.turn_id,
            count(*) AS votes,
            count(*) FILTER (WHERE v.preferred = 'new') AS new,
            count(*) FILTER (WHERE v.preferred = 'old') AS old
        FROM replay_votes v
        JOIN replay_items i ON i.replay_id = v.replay_id AND i.position = v.position
        WHERE v.replay_id = :replay
        GROUP BY i.turn_id
    )
    SELECT
        CASE WHEN p.note = 'unsteady' OR p.candidate_score = p.baseline_score THEN 'neither'
            WHEN p.candidate_score > p.baseline_score THEN 'candidate'
            ELSE 'baseline' END AS judge,
        CASE WHEN 2 * voted.new > voted.votes THEN 'candidate'
            WHEN 2 * voted.old > voted.votes THEN 'baseline'
            ELSE 'neither' END AS people,
        count(*) AS pairs
    FROM evaluation_pairs p JOIN voted ON voted.turn_id = p.turn_id
    WHERE p.evaluation_id = :evaluation
        AND p.baseline_score IS NOT NULL AND p.candidate_score IS NOT NULL
    GROUP BY 1, 2
    """
).bindparams(bindparam("replay", type_=BigInteger), bindparam("evaluation", type_=BigInteger))


async def beside_people(
    connection: AsyncConnection, evaluation_id: int, replay_id: int
) -> Counter[tuple[str, ...]]:
    """How many pairs have which preference of the judge and which of the people."""
    found = await connection.execute(_COUNTED, {"evaluation": evaluation_id, "replay": replay_id})
    return Counter({(row.judge, row.people): row.pairs for row in found})
