"""Usual results, completions that need no judgement, read by the statement that takes their jobs.

The condition is narrower than ``wire.load_result``, which reads what is left in the queue.
"""

from __future__ import annotations

from inference_queue.protocol import PROTOCOL_VERSION, FinishReason

#: Without the reason of a stopped answer, which is settled as another status.
_REASONS = [one for one in FinishReason if one is not FinishReason.CANCELLED]
_COUNTS = ("prompt_tokens", "completion_tokens", "dropped_messages")
#: Digits alone: Python reads 1.0 as a float.
_COUNT = "'^[0-9]{1,9}$'"


def _is_reason(path: str) -> str:
    return f"""({" || ".join(f'{path} == "{reason}"' for reason in _REASONS)})"""


def _is_time(path: str) -> str:
    """A number that a float holds, or null."""
    return f"({path} == null || {path} == 0 || ({path} >= 1e-9 && {path} < 1e11))"


def _may_be(field: str, type_: str, condition: str = "") -> str:
    """An optional field. Its type comes first: in lax mode a comparison looks into arrays."""
    is_right = f'$.{field}.type() == "{type_}"'
    return f"(!exists($.{field}) || ({' && '.join(filter(None, (is_right, condition)))}))"


#: jsonpath; strict: each field is there.
_RESULT = " && ".join(
    (
        f'strict $.kind == "completion" && $.version == {PROTOCOL_VERSION}',
        *(f'$.{field}.type() == "string"' for field in ("text", "model")),
        *(f'$.{field}.type() == "number"' for field in _COUNTS),
        *map(_is_time, ("$.first_token_ms", "$.total_ms")),
        _is_reason("$.finish_reason"),
    )
)
#: Unknown ones are ignored, as Python does.
_REMARKS = " && ".join(
    (
        '$.type() == "object"',
        _may_be("reasoning", "string"),
        _may_be("cut_chars", "number"),
        *(_may_be(f, "number", _is_time(f"$.{f}")) for f in ("cpu_ms", "busy_ms")),
        _may_be("finish_reason", "string", _is_reason("$.finish_reason")),
    )
)
_FIELDS = ", ".join(
    f"'{field}'"
    for field in (
        *("kind", "version", "text", "model", "finish_reason", "first_token_ms", "total_ms"),
        *_COUNTS,
    )
)
#: A character that ``str.strip`` keeps.
_NON_SPACE = (
    r"'[^\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]'"
)
#: An answer that begins with so many spaces is left to Python.
_CHECKED_CHARS = 100
#: CASE: a result that is no object would make the subtraction fail.
_IS_PLAIN = f"""
            CASE WHEN result @@ '{_RESULT}' THEN
                result - ARRAY[{_FIELDS}] = '{{}}'
                AND {" AND ".join(f"result ->> '{field}' ~ {_COUNT}" for field in _COUNTS)}
                AND left(result ->> 'text', {_CHECKED_CHARS}) ~ {_NON_SPACE}
            END
            AND (remarks IS NULL OR (
                remarks @@ '{_REMARKS}' AND coalesce(remarks ->> 'cut_chars', '0') ~ {_COUNT}
            ))
"""


def take_completions(ids: str) -> str:
    """Parts of a statement (SQL): named finished jobs out of the queue, and their completions.

    ``ids``: the jobs, a SELECT. ``job`` has the ``id`` of each that was taken, ``completion`` its
    fields by their names, with ``job_id``, ``started_at`` and ``runs``. What another caller has is
    skipped. A failure, an empty or stopped answer, and any doubtful result stay in the queue.
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
        SELECT id AS job_id, started_at, runs, result ->> 'text' AS text,
            coalesce(remarks ->> 'finish_reason', result ->> 'finish_reason') AS finish_reason,
            result ->> 'model' AS model,
            CAST(result ->> 'prompt_tokens' AS int) AS prompt_tokens,
            CAST(result ->> 'completion_tokens' AS int) AS completion_tokens,
            CAST(result ->> 'dropped_messages' AS int) AS dropped_messages,
            coalesce(CAST(remarks ->> 'cut_chars' AS int), 0) AS cut_chars,
            CAST(result ->> 'first_token_ms' AS float8) AS first_token_ms,
            CAST(result ->> 'total_ms' AS float8) AS total_ms,
            coalesce(remarks ->> 'reasoning', '') AS reasoning,
            CAST(remarks ->> 'cpu_ms' AS float8) AS cpu_ms,
            CAST(remarks ->> 'busy_ms' AS float8) AS busy_ms
        FROM job
    )"""
