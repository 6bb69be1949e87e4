"""Photos that people send: each shows the name of its message, so that the engine can read it.

The name is drawn as a row of bright and dark fields, which survive JPEG and scaling.
"""

from __future__ import annotations

import io
import random
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

from PIL import Image, ImageDraw

from bot.messengers.kakao.words import words_for as kakao_words
from bot.messengers.slack.words import words_for as slack_words
from bot.text.catalog import TEXTS
from chaos.journal import Message, marks, questions
from fakes.engine_state import pictures_of

#: Of the messages on Kakao and in Slack's rooms.
SHARE = 0.08
FIELD, HEIGHT, BITS = 10, 60, 96
_PHOTO = TEXTS["ko"].picture_text
#: What the model reads behind the text of a message with files.
_NOTES = (f"\n\n{_PHOTO}", f"\n\n{TEXTS['ko'].files_note}")
#: What is said of a photo that becomes no question.
_REFUSALS = frozenset(
    {
        TEXTS["ko"].media_unsupported,
        *(
            sentence
            for name, sentence in asdict(kakao_words(TEXTS["ko"])).items()
            if name.startswith("picture_")
        ),
        *slack_words(TEXTS["ko"]).picture_problems.values(),
    }
)


def is_refused(texts: Collection[str]) -> bool:
    """Whether these texts say that a photo becomes no question."""
    return not _REFUSALS.isdisjoint(texts)


def is_photo(rng: random.Random) -> bool:
    """Whether the next message is a photo."""
    return rng.random() < SHARE


def drawn(message: Message) -> bytes:
    """A JPEG with the message's name."""
    name = message.id.encode().ljust(BITS // 8)
    image = Image.new("RGB", (FIELD * BITS, HEIGHT), "black")
    draw = ImageDraw.Draw(image)
    for place in range(BITS):
        if name[place // 8] >> (7 - place % 8) & 1:
            x = place * FIELD
            draw.rectangle((x, 0, x + FIELD - 1, HEIGHT), fill="white")
    written = io.BytesIO()
    image.save(written, "JPEG", quality=90)
    return written.getvalue()


def read(image: Image.Image) -> str:
    """The name that a photo shows."""
    grey = image.convert("L").resize((BITS, 1), Image.Resampling.BOX)
    bits = "".join("1" if level > 127 else "0" for level in grey.tobytes())
    return int(bits, 2).to_bytes(BITS // 8, "big").decode(errors="replace").strip()


def as_texts(messages: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """A prompt with the names of its photos in their places, as the journal reads prompts."""
    *before, newest = messages
    texts = [message | {"content": _without_notes(message["content"])} for message in before]
    for asked, answered in zip(texts[1::2], texts[2::2], strict=False):
        if asked["content"].rpartition("\n")[2] == _PHOTO:
            asked["content"] = _answered_name(answered["content"])
    return [*texts, {"role": "user", "content": _names(newest)}]


def _without_notes(text: str) -> str:
    for note in _NOTES:
        text = text.replace(note, "")
    return text


def _answered_name(answer: str) -> str:
    """A photo in the history is known by its answer alone."""
    begun, ended = marks(answer)
    return next((name for name, _ in (*ended, *begun)), "?")


def _names(message: dict[str, Any]) -> str:
    content = message["content"]
    if isinstance(content, str):
        return _without_notes(content)
    seen = {read(picture) for picture in pictures_of(message)}
    written = " ".join(part["text"] for part in content if part["type"] == "text")
    named = {name for name in questions(_without_notes(written)) if name != "?"}
    return "\n".join(sorted(seen | named, key=_number))


def _number(name: str) -> tuple[int, str]:
    number = name.rpartition("m")[2]
    return int(number) if number.isdecimal() else -1, name
