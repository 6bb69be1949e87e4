"""What a model writes behind a text that is not a chat: handed out as it is."""

from __future__ import annotations

from inference_queue.protocol import FinishReason
from inference_worker.answer.answer_text import WrittenAnswer


class RawText:
    """The part of AnswerText that needs no chat: nothing is cut, held back or stopped."""

    loops = False

    def __init__(self) -> None:
        self._texts: list[str] = []

    def push(self, text: str) -> str:
        """The same text."""
        self._texts.append(text)
        return text

    def think(self, text: str) -> str:
        """What a server calls reasoning is text here as well."""
        return self.push(text)

    def flush(self, _reason: FinishReason) -> str:
        """Nothing was held back."""
        return ""

    def written(self, reason: FinishReason) -> WrittenAnswer:
        """The whole text."""
        return WrittenAnswer("".join(self._texts), "", reason)
