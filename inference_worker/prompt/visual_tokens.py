"""Prompts with pictures: each takes as many tokens as the model makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inference_queue.protocol import Message, Picture
from inference_worker.prompt.chat_template import ChatTemplate


@dataclass(frozen=True, slots=True)
class WithPictures:
    """A template of a model that sees; ``sizes`` are the tokens of each picture."""

    template: ChatTemplate
    sizes: Mapping[Picture, int]

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """The prompt's token ids, a picture's token repeated for all that it becomes."""
        sizes = iter([self.sizes[picture] for message in messages for picture in message.pictures])
        token = self.template.picture_id
        ids: list[int] = []
        for one in self.template.encode(messages):
            ids += [one] * next(sizes) if one == token else [one]
        return ids

    def count(self, messages: Sequence[Message]) -> int:
        """How many tokens the prompt takes."""
        return len(self.encode(messages))
