"""The exceptions of the worker: an engine or the prompt builder could not answer."""

from __future__ import annotations

from inference_queue.protocol import Failure, FailureReason

#: Failures that say nothing about the job: it is tried again for as long as the worker's patience.
ENGINE_FAULTS = (FailureReason.ENGINE_UNAVAILABLE, FailureReason.ENGINE_OVERLOADED)


class EngineError(Exception):
    """The engine could not answer; ``failure`` says why and whether trying again may help."""

    def __init__(self, reason: FailureReason, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.failure = Failure(reason=reason, message=message, retryable=retryable)


class EngineStuckError(EngineError):
    """The engine makes no steps any more: only a new process helps."""
