"""The chunks of a server's stream, of any route, accumulated into one answer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from inference_queue.protocol import FinishReason
from inference_worker.engines.base import Delta

#: Other reasons (tool_calls, content_filter) still end an answer regularly.
FINISH_REASONS = {
    "length": FinishReason.LENGTH,
    "stop": FinishReason.STOP,
    "eos_token": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
}
#: The server aborted the answer; the text so far is incomplete.
ABORT_REASONS = ("abort", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One event of a stream."""

    text: str = ""
    tokens: int = 0
    finish: str = ""  #: the server's finish reason
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


def read_chat(event: Any) -> Chunk:
    """Read a ChatCompletionStreamOutput; any field may be missing, and choices may be empty."""
    choice = event.choices[0] if event.choices else None
    text = choice.delta.content if choice and choice.delta else None
    usage = event.usage
    return Chunk(
        text=text if isinstance(text, str) else "",
        tokens=1 if text else 0,
        finish=str(choice.finish_reason or "") if choice else "",
        prompt_tokens=_count(usage.prompt_tokens) if usage else None,
        completion_tokens=_count(usage.completion_tokens) if usage else None,
    )


def read_completion(event: Any) -> Chunk:
    """Read an event of the completion route, plain JSON; any field may be missing."""
    choice: dict[str, Any] = next(iter(event.get("choices") or ()), {})
    usage, text = event.get("usage") or {}, choice.get("text")
    return Chunk(
        text=text if isinstance(text, str) else "",
        tokens=1 if text else 0,
        finish=str(choice.get("finish_reason") or ""),
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
    )


def read_generate(event: Any) -> Chunk:
    """Read a TextGenerationStreamOutput: one token, and the details with the last one."""
    token, details = event.token, event.details
    visible = token and not token.special and isinstance(token.text, str)
    return Chunk(
        text=token.text if visible else "",
        tokens=1 if token else 0,
        finish=str(details.finish_reason or "") if details else "",
        prompt_tokens=_count(details.input_length) if details else None,
        completion_tokens=_count(details.generated_tokens) if details else None,
    )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None


@dataclass(slots=True, kw_only=True)
class StreamAccumulator:
    """The answer so far. ``stop``: strings that ended it, which some servers leave at its end."""

    stop: Sequence[str] = ()
    finish: str = ""
    prompt_tokens: int | None = None
    started: float = field(default_factory=time.monotonic)
    first_token_ms: float | None = None
    _pieces: list[str] = field(default_factory=list)
    _half: str = ""
    _counted: int = 0
    _uncounted: int = 0
    _completion_tokens: int | None = None

    def take(self, chunk: Chunk) -> Delta | None:
        """Add a chunk; the new text for the reader, if any."""
        self.finish = chunk.finish or self.finish
        self.prompt_tokens = chunk.prompt_tokens or self.prompt_tokens
        self._completion_tokens = chunk.completion_tokens or self._completion_tokens
        self._uncounted += chunk.tokens
        text = self._whole(chunk.text)
        if not text:
            return None
        if self.first_token_ms is None:
            self.first_token_ms = self.elapsed_ms()
        self._pieces.append(text)
        delta = Delta(text, self._uncounted)
        self._counted, self._uncounted = self._counted + self._uncounted, 0
        return delta

    @property
    def text(self) -> str:
        """The whole text, without a stop string at its end."""
        text = "".join(self._pieces)
        if self.finish:
            for stop in self.stop:
                text = text.removesuffix(stop)
        return text

    @property
    def completion_tokens(self) -> int:
        """The server's count; without one, the number of chunks."""
        return self._completion_tokens or self._counted + self._uncounted

    @property
    def finish_reason(self) -> FinishReason:
        """The server's finish reason in the protocol's terms."""
        return FINISH_REASONS.get(self.finish, FinishReason.STOP)

    def elapsed_ms(self) -> float:
        """Milliseconds since the request."""
        return (time.monotonic() - self.started) * 1000

    def _whole(self, text: str) -> str:
        """Whole characters only: joins split surrogate pairs, drops U+FFFD at a chunk's edges.

        A server that decodes token by token sends U+FFFD where a character's bytes are spread
        over two tokens; a lone surrogate could be neither stored nor sent.
        """
        text, self._half = self._half + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        paired = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return paired.strip("\ufffd")
