"""What an engine needs of the thread that runs its model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from inference_queue.protocol import Failure, FailureReason
from inference_worker.engines.base import Usage
from inference_worker.engines.local.request import Request

if TYPE_CHECKING:
    from tokenizers import Tokenizer

CLOSED = Failure(
    reason=FailureReason.ENGINE_UNAVAILABLE, message="the engine has been closed", retryable=True
)


class ModelThread(Protocol):
    """Writes the answers of requests; every method may be called from any thread."""

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's tokenizer."""

    @property
    def usage(self) -> Usage:
        """What it is doing now."""

    @property
    def vocabulary(self) -> int:
        """How many token ids the model can read."""

    @property
    def budget(self) -> int:
        """Tokens that there is memory for."""

    def make_room(self, kv_tokens: int | None, *, max_tokens: int) -> str:
        """Set the budget once the model is warm; the sentence that says it.

        ``kv_tokens``: the operator's; None: what the free memory holds, and without a GPU at most
        ``max_tokens``.
        """

    def submit(self, request: Request) -> None:
        """Queue a request. Raises EngineError when closed or when too many wait."""

    def cancel(self, request: Request) -> None:
        """End a request at the next step; nothing is published for it any more."""

    def close(self, timeout_s: float = 30.0) -> None:
        """Fail what is left, end the thread, give the model's memory back."""
