"""What a failing computation says: of the request, of the memory, or of the whole device."""

from __future__ import annotations

import torch

from inference_queue.protocol import Failure, FailureReason

NO_NUMBERS = Failure(
    reason=FailureReason.ENGINE_ERROR, message="the model's logits are no numbers", retryable=True
)


def is_exhaustion(error: Exception) -> bool:
    """Whether memory was short."""
    # Without a GPU torch reports it as a plain RuntimeError of its allocator.
    is_reported = "DefaultCPUAllocator" in str(error) or "out of memory" in str(error)
    return isinstance(error, torch.OutOfMemoryError) or is_reported


def is_device_lost(error: Exception) -> bool:
    """Whether the device refuses all further work, so that only a new process helps."""
    # After most CUDA errors (an illegal access, a device-side assertion) every call fails.
    return isinstance(error, torch.AcceleratorError) and not is_exhaustion(error)


def failure_of(error: Exception) -> Failure:
    """The failure in the protocol's terms; never with a person's text in it."""
    if is_exhaustion(error):
        reason, message = FailureReason.OUT_OF_MEMORY, "the model ran out of memory"
    else:
        reason = FailureReason.ENGINE_ERROR
        message = f"the model failed: {type(error).__name__}: {str(error)[:300]}"
    return Failure(reason=reason, message=message, retryable=True)
