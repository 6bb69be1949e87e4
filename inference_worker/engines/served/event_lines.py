"""The events of a response, whatever form the server gives them, in one form.

Servers differ in line ends, in the space after ``data:``, in data over several lines, in errors as
events of their own, and in what they answer to ``stream: true``: server-sent events, JSON lines or
one JSON object. The readers of huggingface_hub know lines of one form alone: ``data: {...}``, then
``data: [DONE]``.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from typing import Any

import orjson

#: The finish reason of an answer that ended in due form without naming one.
DONE = "[DONE]"
#: Longer lines, or bodies without an event, are no answer.
MAX_EVENT_CHARS = 4_000_000

Json = dict[str, Any]


async def events(chunks: AsyncIterable[bytes]) -> AsyncGenerator[Any, None]:
    """A response's events, and DONE at a due end. Raises what reading it raises, and ValueError."""
    # Events are UTF-8 whatever the header says (HTML standard, server-sent events).
    decoder, parser = codecs.getincrementaldecoder("utf-8")("replace"), EventParser()
    async for chunk in chunks:
        for event in parser.push(decoder.decode(chunk)):
            yield event
    for event in parser.push(decoder.decode(b"", final=True)):
        yield event
    for event in parser.flush():
        yield event


async def event_lines(chunks: AsyncIterable[bytes]) -> AsyncGenerator[str, None]:
    """The events as the readers of huggingface_hub take them, one a line."""
    async for event in events(chunks):
        data = DONE if event == DONE else json.dumps(event, ensure_ascii=False)
        yield f"data: {data}"


class EventParser:
    """Text in chunks of any size to events; a chunk may end anywhere."""

    def __init__(self) -> None:
        self._rest = ""  # an unfinished line
        self._data = ""  # of an event that is not complete yet
        self._name = ""  # of the event
        self._has_begun = False
        self._has_deltas = False  # some text has come, in pieces

    def push(self, text: str) -> Iterator[Any]:
        """The events completed by this text."""
        if not self._has_begun and text:
            text, self._has_begun = text.removeprefix("\ufeff"), True
        text = self._rest + text
        # A final CR may be half of a CRLF.
        end = len(text) - text.endswith("\r")
        lines = text[:end].replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._rest = lines.pop() + text[end:]
        if len(self._rest) + len(self._data) > MAX_EVENT_CHARS:
            raise ValueError("an event of the stream is too long")
        for line in lines:
            yield from self._take(line)

    def flush(self) -> Iterator[Any]:
        """What is left at the end of the response."""
        rest, self._rest = self._rest.removesuffix("\r"), ""
        yield from self._take(rest)
        yield from self._take("")

    def _take(self, line: str) -> Iterator[Any]:
        if line.startswith("data:"):
            yield from self._add(line.removeprefix("data:").strip())
        elif line.startswith("event:"):
            self._name = line.removeprefix("event:").strip()
        elif line.startswith((":", "id:", "retry:")):  # comments come within events, too
            return
        elif not line.strip():
            if self._data and not self._data.startswith(("{\n", "[\n")):
                self._raise_unreadable()
            self._name = ""
        elif self._data or line.lstrip().startswith(("{", "[")):  # JSON without events
            yield from self._add(line.strip())

    def _add(self, data: str) -> Iterator[Any]:
        if data == DONE:
            yield _DONE_EVENT
            yield DONE
            return
        self._data = f"{self._data}\n{data}" if self._data else data
        if not self._data.endswith(("}", "]")):
            return
        try:
            event = _read(self._data)
        except ValueError:
            return  # more lines follow
        self._data = ""
        yield self._in_one_form(event)

    def _in_one_form(self, event: Any) -> Any:
        """The event as a chunk of a stream; the same object where it is one."""
        if isinstance(event, list) and len(event) == 1:
            event = event[0]
        if not isinstance(event, dict):
            return event
        if "error" not in event and (self._name == "error" or event.get("object") == "error"):
            return {"error": event}
        if "generated_text" in event and "token" not in event:
            return _whole_generation(event)
        choices = event.get("choices")
        if not isinstance(choices, list):
            return event
        self._has_deltas = self._has_deltas or any(map(_has_text, choices))
        if not any(map(_is_whole, choices)):
            return event
        chunks = [self._as_chunk(one) if _is_whole(one) else one for one in choices]
        return {**event, "choices": chunks}

    def _as_chunk(self, choice: Json) -> Json:
        """A choice of an answer in one piece; after the pieces it only tells that they end."""
        reason = choice.get("finish_reason") or DONE
        delta = {} if self._has_deltas else choice["message"]
        return {"index": 0, "delta": delta, "finish_reason": reason}

    def _raise_unreadable(self) -> None:
        """An event that is no JSON."""
        data, self._data = self._data, ""
        json.loads(data)


#: Both for the chat route's reader and for the one of TGI's own route.
_DONE_EVENT: Json = {
    "choices": [{"index": 0, "delta": {}, "finish_reason": DONE}],
    "token": None,
    "details": {"finish_reason": DONE},
}


def _read(text: str) -> Any:
    """The JSON value. Raises ValueError. Some servers write NaN or half of a surrogate pair."""
    try:
        return orjson.loads(text)
    except ValueError:
        return json.loads(text)


def _is_whole(choice: object) -> bool:
    return isinstance(choice, dict) and "message" in choice and not choice.get("delta")


def _has_text(choice: object) -> bool:
    delta = choice.get("delta") if isinstance(choice, dict) else None
    return isinstance(delta, dict) and bool(delta.get("content"))


def _whole_generation(event: Json) -> Json:
    """TGI's own route, not streamed."""
    details = event.get("details") or {}
    token = {"id": 0, "text": event["generated_text"], "logprob": 0.0, "special": False}
    reason = details.get("finish_reason") or DONE
    return {"index": 0, "token": token, "details": {**details, "finish_reason": reason}}
