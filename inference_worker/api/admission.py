"""How many requests are held at once: read, waiting or being answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from inference_worker.api.errors import ApiError
from inference_worker.api.slots import RequestSlots
from inference_worker.metrics import API_REFUSED

#: Requests that may wait beside those that have a slot.
MAX_WAITING = 64


class Admission:
    """Counts the requests of the endpoint; one too many is told to come back."""

    def __init__(self, slots: RequestSlots) -> None:
        self._max = slots.total + MAX_WAITING
        self._held = 0

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Hold a place while the body runs. Raises ApiError where there is none."""
        if self._held >= self._max:
            API_REFUSED.inc()
            sentence = f"{self._held} requests are waiting already: ask again, fewer at once."
            raise ApiError(429, sentence, "too_many_requests")
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
