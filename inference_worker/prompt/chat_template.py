"""Messages to token ids, so that user text never becomes a control token.

Tokenizers read `<|eot_id|>` in plain text as the token that ends a turn: a user who types it could
open a system turn. Contents are therefore encoded apart from the template.
"""

from __future__ import annotations

import copy
import functools
import re
import secrets
from collections.abc import Iterable, Sequence
from typing import Any

from jinja2 import TemplateError

from inference_queue.protocol import Message, Role
from inference_worker.answer.reasoning import ends_inside_reasoning
from inference_worker.prompt.open_answer import split_open
from inference_worker.prompt.system_role import SystemRole, fold_system

#: Splits a marker invisibly.
ZERO_WIDTH_SPACE = "\u200b"

NEVER = "(?!)"  #: a pattern that matches nothing

#: The control strings of Llama 3 and of ChatML, for servers whose tokenizer is out of reach.
KNOWN_MARKERS: tuple[str, ...] = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|python_tag|>",
    "<|finetune_right_pad_id|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    *(f"<|reserved_special_token_{number}|>" for number in range(251)),
)


def neutralise(text: str, markers: Iterable[str]) -> str:
    """Break every marker in ``text`` by a zero width space after its first two characters.

    For engines that take messages as text and would parse the markers in it. The visible text is
    unchanged. Raises ValueError for a marker too short to be broken.
    """
    return _seams(tuple(markers)).sub(ZERO_WIDTH_SPACE, text)


class ChatTemplate:
    """A model's own chat template, rendered to token ids.

    The ids equal the tokenizer's ``apply_chat_template`` with a generation prompt wherever no
    content holds a control token's text; where one does, it stays text. An open answer follows the
    header (open_answer.py). May be used from several threads. ``tokenizer`` is a fast tokenizer of
    transformers with a chat template.
    """

    def __init__(
        self, tokenizer: Any, *, system_role: SystemRole = SystemRole.AUTO, picture: str = ""
    ) -> None:
        """``picture``: the control token that stands for one; "": the model reads text only."""
        self._tokenizer = tokenizer
        self._picture = picture
        self._controls = _control_tokens(tokenizer)
        self._control_ids = frozenset(self._controls.values())
        # Longest first, should one marker begin with another.
        longest_first = sorted(self._controls, key=len, reverse=True)
        self._marker = re.compile(f"({'|'.join(map(re.escape, longest_first)) or NEVER})")
        self._seams = _seams(tuple(self._controls))
        # Random: no user can type it.
        self._seam = f"\ue000{secrets.token_hex(8)}\ue000"
        # A copy: the switch would affect every thread that shares the tokenizer.
        self._plain = copy.deepcopy(tokenizer.backend_tokenizer)
        self._plain.encode_special_tokens = True
        self._takes_parts = bool(picture) and self._renders_parts()
        self._takes_system = system_role is SystemRole.YES
        if system_role is SystemRole.AUTO:
            self._takes_system = self._renders_system()
        self._first_id = self._first_of_every_text() if picture else None

    @property
    def picture_id(self) -> int | None:
        """The id of the token that stands for a picture; None: the model reads text only."""
        return self._controls.get(self._picture)

    @property
    def opens_reasoning(self) -> bool:
        """Whether the generation prompt opens the reasoning, which the model only closes."""
        return ends_inside_reasoning(self._render([Message(Role.USER, "?")]))

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """The prompt's token ids, with the header that lets the assistant speak, or go on.

        Markers in the contents are broken while the template runs, so that every whole marker in
        the rendered text is the template's own; each stretch of text between two of those is then
        encoded without looking for markers.
        """
        ids = self._encode_rendered(self._render(messages))
        if self._first_id is not None and ids[:1] != [self._first_id]:
            ids.insert(0, self._first_id)
        return ids

    def encode_answer(self, messages: Sequence[Message], answer: str) -> list[int]:
        """The token ids of an answer behind ``encode(messages)``, with what ends its turn.

        What a model learns to write: ids that are generated follow the prompt's in the same way.
        Raises ValueError for a template that renders the messages differently once answered.
        """
        prompt = self._render(messages)
        chat = messages if self._takes_system else fold_system(messages)
        answered = self._apply([*chat, Message(Role.ASSISTANT, answer)], is_open=False)
        if not answered.startswith(prompt):
            raise ValueError("the chat template changes the messages before an answer")
        return self._encode_rendered(answered[len(prompt) :])

    def count(self, messages: Sequence[Message]) -> int:
        """How many tokens the prompt takes."""
        return len(self.encode(messages))

    def as_trained(self, messages: Sequence[Message], *, is_open: bool) -> str:
        """The messages as a trainer renders them; ``is_open``: the assistant is to speak next.

        Raises TemplateError.
        """
        chat = [{"role": m.role.value, "content": m.content} for m in messages]
        return str(
            self._tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=is_open)
        )

    def encode_as_trained(self, text: str) -> list[int]:
        """The token ids that a trainer has of a rendered text: markers are control tokens."""
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def encode_text(self, text: str) -> list[int]:
        """The token ids of a text without a template, as the tokenizer reads it by itself.

        Control tokens are read. A rendered prompt that begins with BOS does not get it twice.
        """
        ids: list[int] = self._tokenizer(text)["input_ids"]
        bos = self._tokenizer.bos_token_id
        return ids[1:] if bos is not None and ids[:2] == [bos, bos] else ids

    def markers_in(self, text: str) -> list[str]:
        """The control tokens' texts that stand in the text."""
        return self._marker.findall(text) if self._controls else []

    def _renders_system(self) -> bool:
        """Whether the template takes a system message; some refuse it, others leave it out."""
        question, mark = Message(Role.USER, "?"), secrets.token_hex(8)
        try:
            return mark in self._apply([Message(Role.SYSTEM, mark), question])
        except TemplateError:
            return False

    def _renders_parts(self) -> bool:
        """Whether the template takes contents in parts and puts the picture's token itself."""
        parts = [{"type": "image"}, {"type": "text", "text": "?"}]
        try:
            shown = self._template_of([{"role": "user", "content": parts}])
        except (TemplateError, TypeError):
            return False
        return self._picture in shown and "'type'" not in shown

    def _first_of_every_text(self) -> int | None:
        """The token that the tokenizer puts before every text, as vision models were trained.

        Their processors tokenise the rendered prompt once more, with it; a template may lack it.
        """
        begin: int | None = self._tokenizer.bos_token_id
        ids: list[int] = self._tokenizer("?")["input_ids"]
        return begin if ids[:1] == [begin] else None

    def _render(self, messages: Sequence[Message]) -> str:
        before, written = split_open(messages)
        chat = self._apply(before if self._takes_system else fold_system(before))
        # In one stretch with the header's end, as transformers' continue_final_message encodes it.
        return chat + self._seams.sub(self._seam, written)

    def _apply(self, messages: Sequence[Message], *, is_open: bool = True) -> str:
        chat = [{"role": m.role.value, "content": self._content(m)} for m in messages]
        return self._template_of(chat, is_open=is_open)

    def _content(self, message: Message) -> str | list[dict[str, str]]:
        """The content with its markers broken, behind its pictures."""
        text = self._seams.sub(self._seam, message.content)
        if self._takes_parts:
            pictures = [{"type": "image"} for _ in message.pictures]
            return [*pictures, {"type": "text", "text": text}]
        return f"{self._picture}\n" * len(message.pictures) + text

    def _template_of(self, chat: list[dict[str, Any]], *, is_open: bool = True) -> str:
        return str(
            self._tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=is_open)
        )

    def _encode_rendered(self, text: str) -> list[int]:
        ids: list[int] = []
        for piece in self._marker.split(text):
            control = self._controls.get(piece)
            if control is None:
                ids += self._encode_plain(piece.replace(self._seam, ""))
            else:
                ids.append(control)
        return ids

    def _encode_plain(self, text: str) -> list[int]:
        ids: list[int] = self._plain.encode(text, add_special_tokens=False).ids
        if not self._control_ids.isdisjoint(ids):
            # Tokens outside the special ones, or a vocabulary that holds markers as words.
            ids = self._plain.encode(
                self._seams.sub(ZERO_WIDTH_SPACE, text), add_special_tokens=False
            ).ids
        return ids


def _control_tokens(tokenizer: Any) -> dict[str, int]:
    """Text and id of every control token: the special ones, and added ones in brackets.

    Other added tokens are words (a vocabulary extended for Korean) and stay usable.
    """
    return {
        token.content: number
        for number, token in tokenizer.added_tokens_decoder.items()
        if token.special or re.fullmatch(r"<.+>", token.content)
    }


@functools.lru_cache(maxsize=8)
def _seams(markers: tuple[str, ...]) -> re.Pattern[str]:
    """Matches the position inside each marker; lookarounds find overlapping ones as well.

    Markers with the same beginning share it: an alternative for each of Llama 3's 256 takes
    milliseconds for every thousand characters.
    """
    tails: dict[str, list[str]] = {}
    for marker in markers:
        if len(marker) < 2:
            raise ValueError(f"the marker {marker!r} cannot be broken")
        at = min(2, len(marker) - 1)
        tails.setdefault(re.escape(marker[:at]), []).append(marker[at:])
    places = (f"(?<={head})(?={_any_beginning(ends)})" for head, ends in tails.items())
    return re.compile("|".join(places) or NEVER)


def _any_beginning(texts: Iterable[str]) -> str:
    """A pattern for where one of the texts begins; what they share is compared once."""
    rests: dict[str, list[str]] = {}
    for text in texts:
        if not text:
            return ""
        rests.setdefault(text[0], []).append(text[1:])
    branches = [f"{re.escape(first)}{_any_beginning(rest)}" for first, rest in rests.items()]
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"
