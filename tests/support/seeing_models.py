"""Models that see: jobs with pictures, and the answers that transformers gives to them."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from inference_queue.protocol import Completion, Job, Message, Picture, Role, SamplingParams
from inference_worker.engines.local.engine import LocalEngine
from inference_worker.errors import EngineError

TOKENS = 6


def a_picture(colour: str = "red", size: tuple[int, int] = (64, 48)) -> Picture:
    written = io.BytesIO()
    Image.new("RGB", size, colour).save(written, "PNG")
    return Picture("image/png", base64.b64encode(written.getvalue()).decode())


#: From none to the most that a message may have.
with_pictures = pytest.mark.parametrize(
    "pictures",
    [
        (),
        (a_picture(),),
        (a_picture("blue"),),
        (a_picture("green", (200, 60)), a_picture("white", (31, 90))),
        tuple(a_picture(colour, (40, 40)) for colour in ("red", "lime", "navy", "gold")),
    ],
    ids=["none", "one", "another", "two of other shapes", "four"],
)


def a_job(text: str, *pictures: Picture, key: str = "", tokens: int = TOKENS) -> Job:
    return Job(
        id=uuid4(),
        messages=(Message(Role.SYSTEM, "친절하게."), Message(Role.USER, text, pictures)),
        sampling=SamplingParams(temperature=0, top_p=1, max_new_tokens=tokens),
        cache_key=key,
    )


async def answer(engine: LocalEngine, job: Job) -> Completion:
    *_, end = [event async for event in engine.generate(job)]
    assert isinstance(end, Completion)
    return end


async def failure(engine: LocalEngine, job: Job) -> EngineError:
    with pytest.raises(EngineError) as raised:
        await answer(engine, job)
    return raised.value


class Reference:
    """The checkpoint as its card runs it: processor and ``generate``."""

    def __init__(self, folder: Path) -> None:
        processors: Any = AutoProcessor
        self.processor = processors.from_pretrained(folder)
        self.model: Any = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)

    def answer(self, job: Job) -> tuple[str, int]:
        """The text, and the prompt's tokens."""
        marker = f"{self.processor.image_token}\n"
        chat = [
            {
                "role": message.role.value,
                "content": marker * len(message.pictures) + message.content,
            }
            for message in job.messages
        ]
        tokenizer = self.processor.tokenizer
        text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        images = [
            Image.open(io.BytesIO(base64.b64decode(picture.data))).convert("RGB")
            for picture in job.messages[-1].pictures
        ]
        # The template begins with BOS: a second one is a fault of the cards.
        inputs = self.processor(
            text=text, images=images or None, return_tensors="pt", add_special_tokens=False
        )
        tokens = job.sampling.max_new_tokens
        ids = self.model.generate(**inputs, max_new_tokens=tokens, do_sample=False)
        length = inputs["input_ids"].shape[1]
        return tokenizer.decode(ids[0, length:], skip_special_tokens=True), length
