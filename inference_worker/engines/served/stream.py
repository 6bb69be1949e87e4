"""The chunks of a server's stream, of any route, accumulated into one answer."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from inference_queue.protocol import FinishReason
from inference_worker.answer.answer_text import AnswerText, WrittenAnswer
from inference_worker.answer.raw_text import RawText
from inference_worker.answer.turn_end import TurnEnd
from inference_worker.engines.base import Delta
from inference_worker.engines.served.event_lines import DONE

#: A limit ended the answer: length, MAX_TOKENS, model_length, model_context_window_exceeded. Other
#: reasons (stop, eos_token, tool_calls, content_filter) end it regularly.
_LIMIT_REASON = re.compile(r"length|max|window|limit", re.IGNORECASE)
#: The server aborted the answer; the text so far is incomplete: abort, network_error, cancelled,
#: insufficient_system_resource.
_ABORT_REASON = re.compile(r"abort|error|cancel|resource|time_?out|interrupt", re.IGNORECASE)
#: The largest number of tokens that can be stored.
MAX_COUNT = 2**31 - 1
#: The fields in which servers stream the reasoning that they separate: vLLM, SGLang, llama.cpp
#: and DeepSeek; Ollama, LM Studio and newer vLLM.
REASONING_FIELDS = ("reasoning_content", "reasoning")
#: The type of a part that holds reasoning: thinking, thought, reasoning_text, reasoning.text.
_THOUGHT = re.compile(r"think|thought|reasoning")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One event of a stream."""

    text: str = ""
    reasoning: str = ""
    tokens: int = 0
    finish: str = ""  #: the server's finish reason
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


def read_chat(event: Any) -> Chunk:
    """Read an event of the chat route; any field may be missing, and choices may be empty."""
    choice: dict[str, Any] = next(iter(event.get("choices") or ({},))) or {}
    delta, usage = choice.get("delta") or {}, event.get("usage") or {}
    text, reasoning = _chat_texts(delta)
    return Chunk(
        text=text,
        reasoning=reasoning,
        tokens=1 if text or reasoning else 0,
        finish=str(choice.get("finish_reason") or ""),
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
    )


def _chat_texts(delta: dict[str, Any]) -> tuple[str, str]:
    """The text and the reasoning of a delta."""
    content = delta.get("content")
    if isinstance(content, str) and not any(map(delta.get, REASONING_FIELDS)):
        return content, ""  # as nearly all are
    parts = list(_parts(content))
    parts += [(True, text) for text in _texts(delta, REASONING_FIELDS)][:1]
    text = "".join(part for is_thought, part in parts if not is_thought)
    return text, "".join(part for is_thought, part in parts if is_thought)


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


def _parts(content: object) -> Iterator[tuple[bool, str]]:
    """The texts of a content, and whether each is reasoning: a string, or a list of parts."""
    if isinstance(content, str):
        yield False, content
    elif isinstance(content, list):
        for part in content:
            yield from _parts(part)
    elif isinstance(content, dict):
        is_thought = _THOUGHT.search(str(content.get("type") or "")) is not None
        for inner in _texts(content, ("text", "thinking", "reasoning", "content")):
            yield is_thought, inner
            return


def _texts(holder: Any, names: tuple[str, ...]) -> Iterator[str]:
    """The texts of these fields, each of any form that a content may have."""
    for name in names:
        value = holder.get(name) if isinstance(holder, dict) else getattr(holder, name, None)
        if text := "".join(text for _, text in _parts(value)):
            yield text


def _count(value: object) -> int | None:
    """A number of tokens; None for what can be none, such as -1 of a server that does not know."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT:
        return value
    return None


class StreamAccumulator:
    """The answer so far."""

    def __init__(self, end: TurnEnd, answer: AnswerText | RawText) -> None:
        self.finish = ""  #: the server's finish reason; "stop" where the text showed the end
        self.prompt_tokens: int | None = None
        self.first_token_ms: float | None = None
        self._started = time.monotonic()
        self._end = end
        self._answer = answer
        self._half = ""  # of a surrogate pair
        self._counted = 0
        self._uncounted = 0
        self._completion_tokens: int | None = None
        self._has_rest = False
        self.has_text = False

    @property
    def is_whole(self) -> bool:
        """Whether the server ended it regularly; an empty answer has to name a reason."""
        if self.finish == DONE:
            return self.first_token_ms is not None
        return bool(self.finish) and not _ABORT_REASON.search(self.finish)

    @property
    def is_over(self) -> bool:
        """Whether the rest of the stream is of no use: the model repeats itself, or goes on."""
        return self._answer.loops or self._has_rest

    def take(self, chunk: Chunk) -> Delta | None:
        """Add a chunk; the new text for the reader, if any."""
        self._has_rest = self._end.is_reached and bool(chunk.text)
        if self.finish in ("", DONE):
            self.finish = chunk.finish or self.finish
        self.prompt_tokens = chunk.prompt_tokens or self.prompt_tokens
        self._completion_tokens = chunk.completion_tokens or self._completion_tokens
        self._uncounted += chunk.tokens
        if chunk.tokens and self.first_token_ms is None:
            self.first_token_ms = self.elapsed_ms()
        visible = self._answer.think(chunk.reasoning) if chunk.reasoning else ""
        visible += self._answer.push(self._end.push(self._paired(chunk.text)))
        if self._end.is_reached:
            self.finish = "stop"
        return self._delta(visible)

    def flush(self, reason: FinishReason) -> Delta | None:
        """The text that was held back until the end of the stream."""
        is_cut = reason is not FinishReason.STOP
        visible = self._answer.push(self._end.flush(is_cut=is_cut))
        return self._delta(visible + self._answer.flush(reason))

    def written(self, reason: FinishReason) -> WrittenAnswer:
        """The whole answer, after ``flush``. Raises EngineError where all of it is reasoning."""
        return self._answer.written(reason)

    @property
    def completion_tokens(self) -> int:
        """The server's count; without one, the number of chunks."""
        return self._completion_tokens or self._counted + self._uncounted

    @property
    def finish_reason(self) -> FinishReason:
        """The server's finish reason in the protocol's terms."""
        return FinishReason.LENGTH if _LIMIT_REASON.search(self.finish) else FinishReason.STOP

    def elapsed_ms(self) -> float:
        """Milliseconds since the request."""
        return (time.monotonic() - self._started) * 1000

    def _delta(self, text: str) -> Delta | None:
        if not text:
            return None
        self.has_text = True
        delta = Delta(text, self._uncounted)
        self._counted, self._uncounted = self._counted + self._uncounted, 0
        return delta

    def _paired(self, text: str) -> str:
        """Whole characters: a split surrogate pair is joined, a lone half becomes U+FFFD.

        A lone surrogate could be neither stored nor sent. What a server sends as U+FFFD stays.
        """
        text, self._half = self._half + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
