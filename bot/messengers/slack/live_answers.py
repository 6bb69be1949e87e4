"""The answers that this bot writes live, as their deliveries take them over.

A delivery that knows exactly what a stream shows ends it with the rest. Without that it stops the
stream and replaces the message, which people then see marked as edited.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Iterator
from uuid import UUID

#: Answers that are kept for their deliveries; others are finished without this knowledge.
MAX_KEPT = 1000
#: The wait for a call that is under way.
TAKE_S = 1.0


class ShownAnswer:
    """What is shown of one answer."""

    def __init__(self) -> None:
        self.ts = ""
        self.is_stream = False
        self.text = ""  #: what is certainly shown
        self.is_certain = True  #: every call had a clear outcome
        self.is_taken = False  #: its delivery goes on from here
        self._idle = asyncio.Event()
        self._idle.set()

    @contextlib.contextmanager
    def call(self) -> Iterator[None]:
        """A call that changes what is shown is under way."""
        self._idle.clear()
        try:
            yield
        finally:
            self._idle.set()

    async def stop(self) -> bool:
        """Let no further call begin; whether none is under way any more."""
        self.is_taken = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TAKE_S):
                await self._idle.wait()
        return self._idle.is_set()


class LiveAnswers:
    """The answers by their turn."""

    def __init__(self) -> None:
        self._answers: OrderedDict[UUID, ShownAnswer] = OrderedDict()

    def keep(self, turn_id: UUID, answer: ShownAnswer) -> None:
        """Keep the answer for its delivery."""
        self._answers[turn_id] = answer
        if len(self._answers) > MAX_KEPT:
            self._answers.popitem(last=False)

    def stream(self, turn_id: UUID) -> str | None:
        """The id of the turn's stream; None: there is none, or it is not known what it shows."""
        answer = self._answers.get(turn_id)
        known = answer is not None and answer.is_certain and answer.is_stream
        return answer.ts or None if answer is not None and known else None

    async def take(self, turn_id: UUID, ts: str) -> str | None:
        """What the stream ``ts`` certainly shows, once its writer has stopped; None: unknown."""
        answer = self._answers.pop(turn_id, None)
        if answer is None or not await answer.stop():
            return None
        known = answer.is_certain and answer.is_stream and answer.ts == ts
        return answer.text if known else None
