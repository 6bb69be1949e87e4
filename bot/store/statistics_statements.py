"""The SQL of the statistics: it counts turns, deliveries and votes into the rows of all steps.

Each statement ends with the counts of the last hour's minutes. Keys of ``details``:
``failed:<reason>``, and ``<stage>:<bucket>`` of the histograms (bot/store/statistics_scale.py).
"""

from __future__ import annotations

from sqlalchemy import DateTime, Float, Integer, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from bot.domain.deliveries import WANTED_WITHIN
from bot.store.statistics_scale import BOUNDS_MS, ORIGIN, STEPS_S
from bot.store.statistics_tables import COUNTS

_MINUTE = f"date_bin('1 minute', {{}}, timestamptz '{ORIGIN}')"
_OPEN = "('pending', 'sending', 'held')"


def _bucket(stage: str, milliseconds: str) -> str:
    return f"('{stage}:' || width_bucket(({milliseconds})::float8, :bounds))"


def _between(start: str, end: str) -> str:
    return f"extract(epoch FROM {end} - {start}) * 1000"


#: A failed turn's reason; a newer version's is kept as it is.
_REASON = """(CASE WHEN status IN ('failed', 'expired')
    THEN 'failed:' || left(coalesce(failure_reason, ''), 40) END)"""
_END_KEYS = ", ".join(
    (
        _REASON,
        _bucket("queue", _between("received_at", "queued_at")),
        _bucket("start", _between("queued_at", "started_at")),
        _bucket("first_token", "first_token_ms"),
        _bucket("generate", "total_ms"),
    )
)
_DELIVERY_KEYS = ", ".join(
    (
        _bucket("deliver", _between("settled_at", "delivered_at")),
        _bucket("whole", _between("received_at", "delivered_at")),
    )
)

_DUE = f"""
    CASE WHEN turns.reply_handle ->> 'via' = 'held' THEN turns.expires_at
         ELSE coalesce(deliveries.callback_until,
                       turns.received_at + interval '{WANTED_WITHIN.total_seconds()} seconds') END
"""
#: Once the delivery has ended: whether an answer was wanted, and whether it came in time.
_JUDGED = "(status IN ('answered', 'failed', 'expired') AND delivery IS NOT NULL)::int"
_IN_TIME = "coalesce(status = 'answered' AND delivered_at <= due, false)::int"

_FACTS = f"""
    turns.messenger, turns.tenant, {_MINUTE.format("turns.settled_at")} AS minute, turns.status,
    turns.received_at, turns.settled_at, deliveries.state AS delivery,
    CASE WHEN deliveries.state = 'delivered' THEN deliveries.delivered_at END AS delivered_at,
    {_DUE} AS due
"""

#: Adds ``by_minute`` (counts) and ``keyed`` (further counts by key) to the rows of each step.
_ADD = f"""
    steps AS (SELECT unnest(ARRAY[{", ".join(map(str, STEPS_S))}]) AS step_s),
    stepped_keys AS (
        SELECT step_s, date_bin(make_interval(secs => step_s), minute, timestamptz '{ORIGIN}')
            AS starts_at, messenger, tenant, key, sum(count) AS count
        FROM keyed CROSS JOIN steps GROUP BY 1, 2, 3, 4, 5
    ), details AS (
        SELECT step_s, starts_at, messenger, tenant, jsonb_object_agg(key, count) AS details
        FROM stepped_keys GROUP BY 1, 2, 3, 4
    ), counts AS (
        SELECT step_s, date_bin(make_interval(secs => step_s), minute, timestamptz '{ORIGIN}')
            AS starts_at, messenger, tenant, {{sums}}
        FROM by_minute CROSS JOIN steps GROUP BY 1, 2, 3, 4
    ), added AS (
        INSERT INTO statistics AS known (step_s, starts_at, messenger, tenant, {{names}}, details)
        SELECT step_s, starts_at, messenger, tenant, {{names}}, coalesce(details, '{{{{}}}}')
        FROM counts LEFT JOIN details USING (step_s, starts_at, messenger, tenant)
        ON CONFLICT (step_s, starts_at, messenger, tenant) DO UPDATE SET {{totals}},
            details = CASE WHEN excluded.details = '{{{{}}}}' THEN known.details ELSE (
                SELECT jsonb_object_agg(key, total) FROM (
                    SELECT key, sum(value::bigint) AS total FROM (
                        SELECT * FROM jsonb_each_text(known.details)
                        UNION ALL SELECT * FROM jsonb_each_text(excluded.details)
                    ) AS both_of_them GROUP BY key
                ) AS totals
            ) END
    )
    SELECT messenger, {{names}} FROM counts
    WHERE step_s = 60 AND starts_at > now() - interval '1 hour'
"""


def _adding(names: tuple[str, ...]) -> str:
    return _ADD.format(
        sums=", ".join(f"sum({name})::bigint AS {name}" for name in names),
        names=", ".join(names),
        totals=", ".join(f"{name} = known.{name} + excluded.{name}" for name in names),
    )


_OF_DELIVERIES = ("judged", "in_time")
_OF_VOTES = ("good_votes", "bad_votes")
_OF_ENDS = tuple(name for name in COUNTS if name not in _OF_VOTES)
_BOUNDS = bindparam("bounds", list(BOUNDS_MS), ARRAY(Float))
_RANGE = tuple(bindparam(name, type_=DateTime(timezone=True)) for name in ("since", "until"))

COUNT_ENDED = text(
    f"""
    WITH chunk AS MATERIALIZED (
        SELECT turns.id, {_FACTS}, turns.failure_reason, turns.prompt_tokens,
            turns.completion_tokens, turns.first_token_ms, turns.total_ms, turns.queued_at,
            turns.started_at, turns.cpu_ms, turns.busy_ms, NOT EXISTS (
                SELECT FROM turns AS earlier
                WHERE earlier.conversation_id = turns.conversation_id
                  AND earlier.seq = turns.seq - 1 AND earlier.epoch = turns.epoch
            ) AS begins
        FROM turns LEFT JOIN deliveries ON deliveries.turn_id = turns.id
        WHERE turns.settled_at >= :since AND turns.settled_at < :until
    ), remembered AS (
        INSERT INTO statistics_open SELECT id FROM chunk WHERE delivery IN {_OPEN}
        ON CONFLICT DO NOTHING
    ), closed AS (
        SELECT * FROM chunk WHERE delivery IS NOT NULL AND delivery NOT IN {_OPEN}
    ), keyed AS (
        SELECT minute, messenger, tenant, key, count(*) AS count FROM (
            SELECT minute, messenger, tenant, unnest(ARRAY[{_END_KEYS}]) AS key FROM chunk
            UNION ALL
            SELECT minute, messenger, tenant, unnest(ARRAY[{_DELIVERY_KEYS}]) FROM closed
        ) AS keys WHERE key IS NOT NULL GROUP BY 1, 2, 3, 4
    ), by_minute AS (
        SELECT minute, messenger, tenant, count(*) AS ended,
            count(*) FILTER (WHERE status = 'answered') AS answered,
            count(*) FILTER (WHERE status = 'failed') AS failed,
            count(*) FILTER (WHERE status = 'expired') AS expired,
            count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
            count(*) FILTER (WHERE status = 'merged') AS merged,
            count(*) FILTER (WHERE begins) AS begun,
            coalesce(sum({_JUDGED}) FILTER (WHERE delivery NOT IN {_OPEN}), 0) AS judged,
            coalesce(sum({_IN_TIME}) FILTER (WHERE delivery NOT IN {_OPEN}), 0) AS in_time,
            coalesce(sum(prompt_tokens), 0) AS prompt_tokens,
            coalesce(sum(completion_tokens), 0) AS completion_tokens,
            coalesce(sum(least(greatest(total_ms, 0), 1e9)), 0) AS generation_ms,
            count(*) FILTER (WHERE status = 'answered' AND cpu_ms IS NOT NULL) AS measured,
            coalesce(sum(least(greatest(cpu_ms, 0), 1e9)) FILTER (WHERE status = 'answered'), 0)
                AS cpu_ms,
            coalesce(sum(least(greatest(busy_ms, 0), 1e9)) FILTER (WHERE status = 'answered'), 0)
                AS busy_ms
        FROM chunk GROUP BY 1, 2, 3
    ), {_adding(_OF_ENDS)}
    """
).bindparams(_BOUNDS, *_RANGE)

#: The deliveries that had not ended when their turns were counted. Erased turns leave no count.
COUNT_DELIVERIES = text(
    f"""
    WITH ready AS (
        SELECT known.turn_id FROM statistics_open AS known
        LEFT JOIN deliveries ON deliveries.turn_id = known.turn_id
        WHERE deliveries.state IS NULL OR deliveries.state NOT IN {_OPEN}
        LIMIT :batch
    ), taken AS (
        DELETE FROM statistics_open WHERE turn_id IN (SELECT turn_id FROM ready) RETURNING turn_id
    ), closed AS MATERIALIZED (
        SELECT {_FACTS} FROM taken
        JOIN turns ON turns.id = taken.turn_id JOIN deliveries ON deliveries.turn_id = turns.id
        WHERE turns.settled_at IS NOT NULL
    ), keyed AS (
        SELECT minute, messenger, tenant, key, count(*) AS count FROM (
            SELECT minute, messenger, tenant, unnest(ARRAY[{_DELIVERY_KEYS}]) AS key FROM closed
        ) AS keys WHERE key IS NOT NULL GROUP BY 1, 2, 3, 4
    ), by_minute AS (
        SELECT minute, messenger, tenant, sum({_JUDGED}) AS judged, sum({_IN_TIME}) AS in_time
        FROM closed GROUP BY 1, 2, 3
    ), {_adding(_OF_DELIVERIES)}
    """
).bindparams(_BOUNDS, bindparam("batch", type_=Integer))

#: A vote counts once, as it is when it is counted: later changes of mind leave the charts alone.
COUNT_VOTES = text(
    f"""
    WITH by_minute AS (
        SELECT {_MINUTE.format("feedback.created_at")} AS minute, messenger, tenant,
            count(*) FILTER (WHERE vote = 'good') AS good_votes,
            count(*) FILTER (WHERE vote = 'bad') AS bad_votes
        FROM feedback JOIN turns ON turns.id = feedback.turn_id
        WHERE feedback.updated_at >= :since
          AND feedback.created_at >= :since AND feedback.created_at < :until
        GROUP BY 1, 2, 3
    ), keyed AS (
        SELECT minute, messenger, tenant, '' AS key, 0 AS count FROM by_minute WHERE false
    ), {_adding(_OF_VOTES)}
    """
).bindparams(*_RANGE)
