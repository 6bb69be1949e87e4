"""Which message of a thread shows an answer that lost sight of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

#: How a message was found that may show another answer.
LOOKS_ALIKE = "its looks"
#: The time between the record of a beginning and the message, with the clocks' difference.
NEAR_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedPart:
    """The message of an answer that is looked up."""

    number: int
    #: The answer's text, of which a message without a name may show the beginning: a stream has
    #: its name only at its end.
    beginning: str = ""
    begun_at: float = 0.0  #: Unix seconds
    passed: tuple[str, ...] = ()  #: messages that show other answers

    def likeliest(self, begun: Iterable[str], nameless: Iterable[str]) -> str:
        """The message that is most likely it, by its ts; empty where none is likely.

        ``begun``: those that show its beginning; of ``nameless`` ones the time decides.
        """
        near = (ts for ts in nameless if self.beginning and self._distance_s(ts) <= NEAR_S)
        left = {*begun} - {*self.passed} or {*near} - {*self.passed}
        return min(left, key=self._distance_s, default="")

    def _distance_s(self, ts: str) -> float:
        return abs(float(ts or 0.0) - self.begun_at)
