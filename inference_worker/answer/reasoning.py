"""Separates a model's reasoning from its answer, chunk by chunk.

Reasoning models write ``<think>...</think>`` before the answer. Templates in DeepSeek's style put
the opening tag into the prompt, so that only the closing one is written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from inference_worker.answer.code_spans import CodeSpans
from inference_worker.answer.partial import Beginnings

#: Opening and closing tags: DeepSeek, Qwen; Claude-like tunes; EXAONE; Magistral; Kimi; Seed;
#: Gemma 4; gpt-oss, whose next channel ends its reasoning.
TAGS: dict[str, str] = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "<reasoning>": "</reasoning>",
    "[think]": "[/think]",
    "◁think▷": "◁/think▷",
    "<seed:think>": "</seed:think>",
    "<|channel>thought": "<channel|>",
    "<|channel|>analysis<|message|>": "<|channel|>final<|message|>",
}
_ALL_TAGS = (*TAGS, *TAGS.values())
_BEGINNINGS = Beginnings(_ALL_TAGS)
MAX_TAG_CHARS = max(map(len, _ALL_TAGS))


def _any_of(*tags: str) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, tags)), re.ASCII | re.IGNORECASE)


_ANY_TAG = _any_of(*_ALL_TAGS)
_CLOSING = {opening: _any_of(closing) for opening, closing in TAGS.items()}


@dataclass(slots=True)
class ThinkingHabit:
    """Whether a model's answers begin inside its reasoning; shared by all its answers.

    None: not known. The next answer then is not streamed: a closing tag may still make all of it
    reasoning.
    """

    begins_inside: bool | None = None

    def learn(self, *, lone_closing_tag: bool) -> None:
        """Note how a whole answer was written.

        What contradicts the habit makes it unknown at first: people can have any model write a tag.
        """
        contradicts = self.begins_inside is (not lone_closing_tag)
        self.begins_inside = None if contradicts else lone_closing_tag


def ends_inside_reasoning(prompt: str) -> bool:
    """Whether a rendered prompt opens the reasoning that the model then writes."""
    return prompt.rstrip().lower().endswith(tuple(TAGS))


class ReasoningSplit:
    """The visible text of one answer; what a model thinks goes to ``reasoning``.

    A tag inside code, or one that is never closed in an answer that ends by itself, is text.
    ``begins_inside``: as in ThinkingHabit; unless False, the text waits for a closing tag.
    ``before``: the text that the answer goes on with; it may end inside code.
    """

    def __init__(self, *, begins_inside: bool | None = False, before: str = "") -> None:
        self.text = ""  #: the answer so far
        self.lone_closing_tag = False  #: the answer began inside its reasoning
        self._begins_inside = bool(begins_inside)
        self._holds = begins_inside is not False
        self._opened = ""  # the tag that is open
        self._held = ""
        self._searched = 0  # how much of the held text has no whole tag
        self._new = ""  # shown since the last push
        self._code = CodeSpans()
        self._code.push(before)
        self._read = 0  # how much of the held text it has read
        self._thoughts: list[str] = []

    @property
    def reasoning(self) -> str:
        """What the model thought, the passages one below the other."""
        return "\n\n".join(self._thoughts)

    def push(self, text: str) -> str:
        """The visible text that has become certain."""
        self._held += text
        while self._close() if self._opened else self._next_tag():
            pass
        self._searched = max(len(self._held) - MAX_TAG_CHARS, 0)
        if not self._opened and not self._holds:
            certain = len(self._held) - self._undecided()
            if self.text or self._held[:certain].strip():  # blank text may precede a tag
                self._show(certain)
        return self._shown()

    def release(self) -> str:
        """Hold no longer: the server itself separates the reasoning."""
        self._holds = self._begins_inside = False
        return self.push("")

    def flush(self, *, is_cut: bool) -> str:
        """The held-back text once no more comes; ``is_cut``: before the model ended it."""
        opened, self._opened = self._opened, ""
        is_inside = bool(opened) or (self._holds and self._begins_inside)
        if is_inside and (is_cut or (opened and not self.text.strip())):
            self._think(self._held)
        else:
            self._held = opened + self._held
            self._show(len(self._held) - (self._undecided() if is_cut else 0))
        self._held = ""
        return self._shown()

    def _close(self) -> bool:
        """Take the reasoning up to its closing tag; False while that is awaited."""
        found = _CLOSING[self._opened].search(self._held, self._searched)
        if found is None:
            return False
        self._think(self._held[: found.start()])
        self._drop(found.end())
        self._opened = ""
        return True

    def _next_tag(self) -> bool:
        """Act on the next tag outside code; False where there is none."""
        for found in _ANY_TAG.finditer(self._held, self._searched):
            is_closing = found.group().lower() not in TAGS
            if self._is_code_at(found.start()) and not (is_closing and self._begins_inside):
                continue
            if is_closing:
                self._close_unopened(self.text + self._held[: found.start()], found.end())
            else:
                self._open(found)
            return True
        return False

    def _close_unopened(self, before: str, end: int) -> None:
        self.lone_closing_tag = True
        self._holds = self._begins_inside = False
        self._think(before)
        self.text = self._new = ""
        self._code, self._read = CodeSpans(), 0
        self._drop(end)

    def _open(self, found: re.Match[str]) -> None:
        if self.text or self._held[: found.start()].strip():
            self._show(found.start())
            self._drop(len(found.group()))
        else:
            self._drop(found.end())
        self._opened, self._holds = found.group().lower(), False

    def _is_code_at(self, at: int) -> bool:
        """Whether this place of the held text is inside code."""
        self._code.push(self._held[self._read : at])
        self._read = max(self._read, at)
        return self._code.is_inside

    def _drop(self, length: int) -> None:
        self._held, self._searched = self._held[length:], 0
        self._read = max(self._read - length, 0)

    def _show(self, length: int) -> None:
        self._is_code_at(length)
        certain = self._held[:length]
        self._drop(length)
        if not self.text and self._thoughts:
            certain = certain.lstrip()
        self.text += certain
        self._new += certain

    def _shown(self) -> str:
        new, self._new = self._new, ""
        return new

    def _think(self, text: str) -> None:
        if thought := text.strip():
            self._thoughts.append(thought)

    def _undecided(self) -> int:
        return _BEGINNINGS.length_at_end(self._held[-MAX_TAG_CHARS:].lower())
