"""A LLaVA-NeXT of a few million parameters that sees: it names a picture's main colour in Korean.

Trained here, on a CPU, in half a minute, on pictures drawn for it. It knows nothing else, and
answers every question with a colour.
"""

from __future__ import annotations

import io
import random
import shutil
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageDraw
from transformers import AutoModelForImageTextToText, AutoProcessor

from bot.text.catalog import TEXTS
from inference_queue.presets import PRESETS
from inference_queue.protocol import Message, Picture, Role
from inference_worker.prompt.chat_template import ChatTemplate

COLOURS = {
    "빨간색": (214, 40, 40),
    "파란색": (35, 80, 205),
    "초록색": (40, 150, 60),
    "노란색": (245, 210, 60),
    "하얀색": (245, 245, 245),
    "검은색": (25, 25, 25),
}
ANSWERS = {colour: f"{colour} 사진이에요." for colour in COLOURS}

STEPS, BATCH, RATE = 220, 8, 3e-3
OTHERS = 16_384  #: tokens that an answer is told from in a step; all 128,256 would take seconds
LOUDNESS = 5.0  #: of the last layer: the words' vectors are short, and stay as they are
SIZES = ((96, 72), (72, 96), (80, 80), (90, 60))  #: small: a lesson is drawn quickly
QUESTIONS = (
    "이 사진은 무슨 색이야?",
    "무슨 색이야?",
    "뭐야?",
    "색을 알려 줘",
    "이게 뭐야? 설명해 줘",
)
END = 128_009  #: <|eot_id|>


def drawn(colour: str, size: tuple[int, int], rng: random.Random) -> Image.Image:
    """A picture mostly of one colour, with some shapes of others."""
    image = Image.new("RGB", size, _shade(colour, rng))
    draw = ImageDraw.Draw(image)
    for _ in range(rng.randrange(4)):
        x, y = rng.randrange(size[0]), rng.randrange(size[1])
        radius = rng.randrange(min(size) // 20, min(size) // 5)
        draw.circle((x, y), radius, fill=_shade(rng.choice(list(COLOURS)), rng))
    return image


def jpeg(colour: str, rng: random.Random, size: tuple[int, int] = (640, 480)) -> bytes:
    """Such a picture as a file."""
    written = io.BytesIO()
    drawn(colour, size, rng).save(written, "JPEG")
    return written.getvalue()


def _shade(colour: str, rng: random.Random) -> tuple[int, int, int]:
    red, green, blue = (min(255, max(0, c + rng.randint(-25, 25))) for c in COLOURS[colour])
    return red, green, blue


def save_trained(noise_dir: Path, into: Path) -> None:
    """Train the vision tower, the projector and the layers of the text; the words stay as given."""
    processors: Any = AutoProcessor
    processor: Any = processors.from_pretrained(noise_dir)
    models: Any = AutoModelForImageTextToText
    model: Any = models.from_pretrained(noise_dir, dtype=torch.float32)
    torch.manual_seed(3)
    rng = random.Random(3)
    model.get_input_embeddings().requires_grad_(requires_grad=False)
    torch.nn.init.constant_(model.model.language_model.norm.weight, LOUDNESS)
    learned = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=RATE, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=STEPS)
    model.train()
    lesson = _Lesson(processor, rng)
    for _ in range(STEPS):
        loss = lesson.loss(model)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        schedule.step()
    shutil.copytree(noise_dir, into, dirs_exist_ok=True)
    model.eval().save_pretrained(into)


class _Lesson:
    """Draws a batch of pictures under one prompt, and asks for their colours."""

    def __init__(self, processor: Any, rng: random.Random) -> None:
        self._processor = processor
        self._template = ChatTemplate(processor.tokenizer, picture=processor.image_token)
        self._rng = rng
        encode = processor.tokenizer.encode
        ids = {one: encode(text, add_special_tokens=False) for one, text in ANSWERS.items()}
        longest = max(len(one) for one in ids.values()) + 1
        self._answers = {c: [*one, *[END] * (longest - len(one))] for c, one in ids.items()}
        self._known = torch.tensor(sorted({t for one in self._answers.values() for t in one}))

    def loss(self, model: Any) -> torch.Tensor:
        colours = [self._rng.choice(list(COLOURS)) for _ in range(BATCH)]
        size = self._rng.choice(SIZES)
        seen = self._processor(
            text=[self._processor.image_token] * BATCH,
            images=[drawn(colour, size, self._rng) for colour in colours],
            return_tensors="pt",
            add_special_tokens=False,
        )
        prompt = self._prompt(seen["input_ids"].shape[1])
        ids = torch.tensor([[*prompt, *self._answers[colour]] for colour in colours])
        answers = ids[:, len(prompt) :]
        hidden = model.model(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            pixel_values=seen["pixel_values"],
            image_sizes=seen["image_sizes"],
        ).last_hidden_state[:, len(prompt) - 1 : -1]
        return self._told_apart(model.get_input_embeddings().weight, hidden, answers)

    def _told_apart(
        self, words: torch.Tensor, hidden: torch.Tensor, answers: torch.Tensor
    ) -> torch.Tensor:
        """The loss of the answers' tokens among all of theirs, and some others."""
        others = torch.randint(len(words), (OTHERS,))
        choices, places = torch.unique(torch.cat([self._known, others]), return_inverse=True)
        place_of = dict(zip(self._known.tolist(), places.tolist(), strict=False))
        labels = [[place_of[token] for token in answer] for answer in answers.tolist()]
        logits = hidden @ words[choices].T
        return torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), torch.tensor(labels).flatten()
        )

    def _prompt(self, tokens: int) -> list[int]:
        """A prompt as the worker makes it, with a picture of so many tokens."""
        rng = self._rng
        systems = [preset.system_prompt for preset in PRESETS.values()]
        question = Message(
            Role.USER,
            rng.choice([TEXTS["ko"].picture_text, TEXTS["ko"].picture_text, *QUESTIONS]),
            (Picture("image/jpeg", "AAAA"),),
        )
        before = []
        for _ in range(rng.randrange(3)):
            before.append(Message(Role.USER, rng.choice(["안녕하세요", *QUESTIONS])))
            before.append(Message(Role.ASSISTANT, rng.choice(list(ANSWERS.values()))))
        chat = [Message(Role.SYSTEM, rng.choice(systems)), *before, question]
        ids: list[int] = []
        for one in self._template.encode(chat):
            ids += [one] * tokens if one == self._template.picture_id else [one]
        return ids
