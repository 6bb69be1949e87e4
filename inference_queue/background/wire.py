"""Background jobs and their results as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any
from uuid import UUID

from inference_queue.background.protocol import (
    BackgroundJob,
    BackgroundKind,
    BackgroundResult,
    Rendering,
    RenderJob,
)
from inference_queue.protocol import (
    Completion,
    Failure,
    FailureReason,
    FinishReason,
    Message,
    ProtocolError,
    Role,
)
from inference_queue.wire import dump_job, load_job


def dump_background_job(job: BackgroundJob) -> dict[str, Any]:
    """The job as JSON-ready data."""
    if isinstance(job, RenderJob):
        messages = [{"role": m.role.value, "content": m.content} for m in job.messages]
        return {"id": str(job.id), "messages": messages, "completion": job.completion}
    return dump_job(job)


def load_background_job(kind: str, payload: Mapping[str, Any]) -> BackgroundJob:
    """Read a job back; raises ProtocolError for what this version does not know."""
    if kind in (BackgroundKind.GENERATE, BackgroundKind.SEE):
        return load_job(payload)
    try:
        if kind != BackgroundKind.RENDER:
            raise ProtocolError(f"unknown kind {kind[:40]!r}")
        return RenderJob(
            id=UUID(payload["id"]),
            messages=tuple(Message(Role(m["role"]), m["content"]) for m in payload["messages"]),
            completion=payload["completion"],
        )
    except ProtocolError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProtocolError(f"not a job: {type(error).__name__}: {error}") from error


_RESULTS: dict[str, type[BackgroundResult]] = {
    "completion": Completion,
    "rendering": Rendering,
    "failure": Failure,
}


def dump_background_result(result: BackgroundResult) -> dict[str, Any]:
    """The result as JSON-ready data; ``kind`` tells the three apart."""
    kind = next(name for name, shape in _RESULTS.items() if isinstance(result, shape))
    return {"kind": kind} | {field.name: getattr(result, field.name) for field in fields(result)}


def load_background_result(body: Any) -> BackgroundResult:
    """Read a result back; raises ProtocolError. Fields of a newer worker are ignored."""
    try:
        shape = _RESULTS[body["kind"]]
        known = {field.name for field in fields(shape)}
        values = {name: value for name, value in body.items() if name in known}
        if shape is Completion:
            values["finish_reason"] = FinishReason(values["finish_reason"])
            if not isinstance(values["model"], str):
                raise ProtocolError("model must be text")
        elif shape is Failure:
            values["reason"] = FailureReason(values["reason"])
        elif not isinstance(values["markers"], list):
            raise ProtocolError("markers must be a list")
        else:
            values["markers"] = tuple(values["markers"])
        return shape(**values)
    except ProtocolError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # The values may be somebody's words.
        raise ProtocolError(f"not a result: {type(error).__name__}") from error
