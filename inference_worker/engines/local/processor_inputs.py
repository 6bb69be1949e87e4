"""Pictures for any image-text model of transformers, whose own processor makes a whole prompt.

What a processor makes beside the pixels (masks of cross-attention, positions in two dimensions)
goes by the places of the pictures in the prompt. It reads texts, and a person's text must never
become a control token. So it gets the prompt with every other token replaced by one filler: as
many tokens, with the pictures in their places.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from inference_queue.protocol import FailureReason, Picture
from inference_worker.engines.local.vision import Pixels, decoded
from inference_worker.errors import EngineError


class ProcessorReader:
    """Reads pictures with a checkpoint's processor, one prompt at a time, in any thread."""

    def __init__(self, processor: Any) -> None:
        """``processor``: that of the checkpoint, of transformers."""
        self._processor = processor
        self._picture_id: int = processor.image_token_id
        tokenizer = processor.tokenizer
        self._filler = str(tokenizer.bos_token or tokenizer.eos_token)
        self._filler_id: int = tokenizer.convert_tokens_to_ids(self._filler)
        self._one_at_a_time = threading.Lock()  # its tokenizer keeps settings between calls

    @property
    def token(self) -> str:
        """The control token that stands for a picture."""
        return str(self._processor.image_token)

    def read(self, picture: Picture) -> Pixels:
        """The picture unpacked, and how many tokens it becomes. Raises EngineError."""
        image = decoded(picture)
        made = self._process([self._filler_id, self._picture_id], [image])
        return Pixels(tokens=made["input_ids"].shape[1] - 1, inputs={}, image=image)

    def inputs(self, ids: Sequence[int], pictures: Sequence[Pixels]) -> dict[str, Tensor]:
        """What ``generate`` takes: ``input_ids`` (1, tokens), pixels, and what belongs to them.

        ``ids`` has the picture's token as often as each picture has tokens. Raises EngineError.
        """
        if not pictures:
            prompt = torch.tensor([list(ids)])
            return {"input_ids": prompt, "attention_mask": torch.ones_like(prompt)}
        places = self._places(ids, [picture.tokens for picture in pictures])
        made = self._process(places, [picture.image for picture in pictures])
        prompt = made["input_ids"][0]
        texts = [token for token in ids if token != self._picture_id]
        is_text = prompt == self._filler_id
        if int(is_text.sum()) != len(texts) or len(prompt) != len(ids):
            sentence = f"the processor makes {len(prompt)} tokens of a prompt of {len(ids)}"
            raise EngineError(FailureReason.ENGINE_ERROR, sentence)
        prompt[is_text] = torch.tensor(texts)
        return made

    def _places(self, ids: Sequence[int], sizes: Sequence[int]) -> list[int]:
        """The ids as the processor is to read them: one token a picture, fillers elsewhere."""
        places: list[int] = []
        left, following = 0, iter(sizes)
        for token in ids:
            if token != self._picture_id:
                places.append(self._filler_id)
                continue
            if not left:
                left = next(following)
                places.append(self._picture_id)
            left -= 1
        return places

    def _process(self, places: Sequence[int], images: Sequence[Any]) -> dict[str, Tensor]:
        text = "".join(
            self.token if place == self._picture_id else self._filler for place in places
        )
        with self._one_at_a_time:
            made = self._processor(
                text=[text], images=list(images), return_tensors="pt", add_special_tokens=False
            )
        return dict(made)
