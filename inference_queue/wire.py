"""Jobs and results as versioned JSON, readable across versions of bot and worker.

What a field of the next version means to this one is written beside each reader.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from inference_queue.protocol import (
    ADAPTER,
    NEEDS_VERSION,
    PICTURES,
    PROTOCOL_VERSION,
    Completion,
    Failure,
    FailureReason,
    FinishReason,
    Job,
    Message,
    Picture,
    ProtocolError,
    Role,
    SamplingParams,
)

#: Reasons that a bot of the previous version does not know.
_NEW_REASONS = frozenset({FinishReason.REPETITION, FinishReason.CANCELLED})

_NEEDS = (PICTURES, ADAPTER)


def dump_job(job: Job) -> dict[str, Any]:
    """The job as JSON-ready data, with the protocol's version.

    A job with pictures or an adapter has another version, so that no worker answers it without
    seeing them, or by the model alone.
    """
    needs = [PICTURES] * job.has_pictures + [ADAPTER] * bool(job.adapter)
    return {
        "version": PROTOCOL_VERSION,
        **({"version": NEEDS_VERSION, "needs": needs} if needs else {}),
        "id": str(job.id),
        "messages": [_dump_message(message) for message in job.messages],
        "sampling": _to_dict(job.sampling, SamplingParams),
        "due": job.due.isoformat() if job.due else None,
        "deadline": job.deadline.isoformat() if job.deadline else None,
        "cache_key": job.cache_key,
        "fairness_key": job.fairness_key,
        **({"continues": True} if job.continues else {}),
        **({"adapter": job.adapter} if job.adapter else {}),
    }


def load_job(payload: Mapping[str, Any]) -> Job:
    """Read a job back; raises ProtocolError for another version, need or an invalid field.

    Unknown fields are ignored: a bot of the previous version still sends a ``priority``. Unknown
    needs are refused: a bot of the next version asks for what this worker cannot do.
    """
    _require_needs(payload)
    try:
        due, deadline = payload.get("due"), payload.get("deadline")
        return Job(
            id=UUID(payload["id"]),
            messages=tuple(_load_message(message) for message in payload["messages"]),
            sampling=SamplingParams(
                **{**payload["sampling"], "stop": tuple(payload["sampling"]["stop"])}
            ),
            due=datetime.fromisoformat(due) if due else None,
            deadline=datetime.fromisoformat(deadline) if deadline else None,
            cache_key=_text(payload.get("cache_key", "")),
            fairness_key=_text(payload.get("fairness_key", "")),
            continues=payload.get("continues", False),
            adapter=_text(payload.get("adapter", "")),
        )
    except ProtocolError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProtocolError(f"not a job: {type(error).__name__}: {error}") from error


def _dump_message(message: Message) -> dict[str, Any]:
    fields: dict[str, Any] = {"role": message.role.value, "content": message.content}
    if message.pictures:
        fields["pictures"] = [
            {"media_type": picture.media_type, "data": picture.data} for picture in message.pictures
        ]
    return fields


def _load_message(fields: Mapping[str, Any]) -> Message:
    pictures = tuple(Picture(one["media_type"], one["data"]) for one in fields.get("pictures", ()))
    return Message(Role(fields["role"]), _text(fields["content"]), pictures)


def dump_result(result: Completion | Failure) -> dict[str, Any]:
    """The result as JSON-ready data; ``kind`` tells completion and failure apart.

    Only what a bot of the previous version reads; the rest is in ``dump_remarks``.
    """
    if isinstance(result, Failure):
        return {"version": PROTOCOL_VERSION, "kind": "failure", **_to_dict(result, Failure)}
    fields = _to_dict(result, Completion)
    for name in ("reasoning", "cut_chars", "cpu_ms", "busy_ms"):
        del fields[name]
    if result.finish_reason in _NEW_REASONS:
        fields["finish_reason"] = FinishReason.LENGTH
    return {"version": PROTOCOL_VERSION, "kind": "completion", **fields}


def dump_remarks(result: Completion | Failure) -> dict[str, Any] | None:
    """What a bot of the previous version cannot read, as JSON-ready data; None: nothing."""
    if isinstance(result, Failure):
        return None
    remarks: dict[str, Any] = {"reasoning": result.reasoning} if result.reasoning else {}
    if result.cut_chars:
        remarks["cut_chars"] = result.cut_chars
    if result.cpu_ms is not None and result.busy_ms is not None:
        remarks |= {"cpu_ms": round(result.cpu_ms, 3), "busy_ms": round(result.busy_ms, 3)}
    if result.finish_reason in _NEW_REASONS:
        remarks["finish_reason"] = result.finish_reason
    return remarks or None


def load_result(
    body: Mapping[str, Any], remarks: Mapping[str, Any] | None = None
) -> Completion | Failure:
    """Read a result back; raises ProtocolError for another version or shape.

    Unknown remarks are ignored: a worker of the next version may send some.
    """
    _require_version(body)
    fields = {key: value for key, value in body.items() if key not in ("version", "kind")}
    try:
        if body["kind"] == "completion" and remarks:
            known = ("reasoning", "finish_reason", "cut_chars", "cpu_ms", "busy_ms")
            fields |= {key: value for key, value in remarks.items() if key in known}
        if body["kind"] == "completion":
            fields["finish_reason"] = FinishReason(fields["finish_reason"])
            return Completion(**fields)
        fields["reason"] = FailureReason(fields["reason"])
        return Failure(**fields)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProtocolError(f"not a result: {type(error).__name__}: {error}") from error


def _to_dict(
    value: SamplingParams | Completion | Failure,
    kind: type[SamplingParams | Completion | Failure],
) -> dict[str, Any]:
    """The fields of ``kind``; those that an engine's own subclass adds stay in the worker."""
    # Ten times as fast as asdict, which copies deeply.
    return {field.name: getattr(value, field.name) for field in fields(kind)}


def _require_needs(payload: Mapping[str, Any]) -> None:
    """Refuse a version or a need that this worker does not know."""
    if not isinstance(payload, Mapping) or payload.get("version") != NEEDS_VERSION:
        _require_version(payload)
        return
    needs = payload.get("needs")
    if not isinstance(needs, list) or any(need not in _NEEDS for need in needs):
        known = " and ".join(_NEEDS)
        raise ProtocolError(f"the job needs {str(needs)[:100]}; this worker knows {known}")


def _require_version(body: Mapping[str, Any]) -> None:
    version = body.get("version") if isinstance(body, Mapping) else None
    if version != PROTOCOL_VERSION:
        raise ProtocolError(f"protocol version {version!r}; this worker speaks {PROTOCOL_VERSION}")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ProtocolError("text expected")
    return value
