"""The usual result, a completion and no failure, read by the statement that takes its job.

Its condition is narrower than ``wire.load_result``: what it leaves in the queue is read there.
"""

from __future__ import annotations

from inference_queue.protocol import PROTOCOL_VERSION, FinishReason

#: Whole, without a fraction or an exponent: Python reads 1.0 as no count.
_COUNT = "[0-9]{1,9}"
_TIME_MS = "(null|[0-9]{1,11}([.][0-9]{1,20})?)"
_REASON = f'"({"|".join(one for one in FinishReason if one is not FinishReason.CANCELLED)})"'
#: jsonb writes its keys by length, then by bytes. A server that did not would leave all jobs.
_RESULT = "".join(
    (
        f'^{{"kind": "completion", "version": {PROTOCOL_VERSION}, "total_ms": {_TIME_MS}, ',
        f'"finish_reason": {_REASON}, "prompt_tokens": {_COUNT}, "first_token_ms": {_TIME_MS}, ',
        f'"dropped_messages": {_COUNT}, "completion_tokens": {_COUNT}}}$',
    )
)
#: jsonb writes the commas where they belong.
_REMARKS = "(, )?".join(
    (
        f'^{{("cpu_ms": {_TIME_MS})?',
        f'("busy_ms": {_TIME_MS})?',
        f'("cut_chars": {_COUNT})?',
        f'("finish_reason": {_REASON})?}}$',
    )
)
#: A character that ``str.strip`` keeps.
_SAID = (
    r"[^\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
)
#: Where an answer that begins with so many spaces is read in Python.
_LOOKED_AT = 100
#: CASE: of what is no object nothing can be taken away, which would be an error.
_IS_PLAIN = f"""
            CASE WHEN jsonb_typeof(result) = 'object' THEN
                jsonb_typeof(result -> 'text') = 'string'
                AND jsonb_typeof(result -> 'model') = 'string'
                AND (result - ARRAY['text', 'model'])::text ~ '{_RESULT}'
                AND left(result ->> 'text', {_LOOKED_AT}) ~ '{_SAID}'
            END
            AND CASE WHEN remarks IS NULL THEN true WHEN jsonb_typeof(remarks) = 'object' THEN
                coalesce(jsonb_typeof(remarks -> 'reasoning'), 'string') = 'string'
                AND (remarks - 'reasoning')::text ~ '{_REMARKS}'
            END
"""


def take_completions(ids: str) -> str:
    """Parts of a statement (SQL): named finished jobs out of the queue, and their completions.

    ``ids``: the jobs, a SELECT. ``job`` has the ``id`` of each that was taken, ``completion`` its
    fields by their names, with ``job_id``, ``started_at`` and ``runs``. What another caller has is
    skipped; a failure, an empty or a stopped answer, and all that is not certain, stays finished.
    """
    # The expression on the state: see ``client.LOCK_FINISHED``.
    return f"""job AS (
        DELETE FROM jobs WHERE id = ANY(ARRAY(
            SELECT id FROM jobs WHERE id = ANY(ARRAY({ids})) AND state || '' = 'finished'
            AND {_IS_PLAIN}
            FOR UPDATE SKIP LOCKED
        ))
        RETURNING id, result, remarks, started_at, runs
    ), completion AS (
        SELECT job.id AS job_id, started_at, runs, text, finish_reason, model, prompt_tokens,
            completion_tokens, dropped_messages, coalesce(cut_chars, 0) AS cut_chars,
            first_token_ms, total_ms, coalesce(reasoning, '') AS reasoning, cpu_ms, busy_ms
        FROM job, jsonb_to_record(result || coalesce(remarks, '{{}}')) AS completion (
            text text, finish_reason text, model text, prompt_tokens int, completion_tokens int,
            dropped_messages int, cut_chars int, first_token_ms float8, total_ms float8,
            reasoning text, cpu_ms float8, busy_ms float8
        )
    )"""
