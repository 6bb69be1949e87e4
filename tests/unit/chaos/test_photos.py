"""Photos of a chaos run: the engine reads from each whose it is, scaled by the bot or not."""

from __future__ import annotations

import base64
from typing import Any

from bot.http.picture_scaling import scaled_picture
from bot.messengers.kakao.words import WORDS
from bot.text.catalog import TEXTS
from chaos import background, photos
from chaos.journal import Message


def part(name: str) -> dict[str, Any]:
    content = scaled_picture(photos.drawn(Message(name, name.partition("m")[0], 1, 0.0))).content
    url = f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"
    return {"type": "image_url", "image_url": {"url": url}}


def words(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def asked(*parts: dict[str, Any]) -> str:
    prompt: list[dict[str, Any]] = [
        {"role": "system", "content": "?"},
        {"role": "user", "content": list(parts)},
    ]
    return photos.as_texts(prompt)[-1]["content"]


def test_a_photo_alone_is_asked_about_under_its_name() -> None:
    assert asked(part("k12m345"), words(TEXTS["ko"].picture_prompt)) == "k12m345"


def test_words_beside_a_photo_and_before_it_are_asked_with_it_in_order() -> None:
    beside = words("김철수: d3m2 안녕하세요\n김철수: d3m1 안녕하세요")
    assert asked(part("d3m2"), beside) == "d3m1\nd3m2"


def test_another_ones_photo_is_seen_beside_the_own_words() -> None:
    assert asked(part("c9m1"), words("c2m1 안녕하세요")) == "c2m1\nc9m1"


def test_a_photo_in_the_history_is_known_by_its_answer() -> None:
    prompt: list[dict[str, Any]] = [
        {"role": "system", "content": "?"},
        {"role": "user", "content": "k1m1 안녕\n[사진]"},
        {"role": "assistant", "content": "k1m2g7시작 k1m2g7끝"},
        {"role": "user", "content": "k1m3 안녕"},
    ]
    assert [each["content"] for each in photos.as_texts(prompt)][1::2] == ["k1m2", "k1m3 안녕"]


def test_the_sentences_of_photos_that_are_no_question_are_known() -> None:
    assert photos.is_refused([WORDS["ko"].picture_unreachable])
    assert not photos.is_refused([TEXTS["ko"].thinking])


def test_a_prompt_with_photos_is_no_background_job() -> None:
    question = {"role": "user", "content": [part("k1m1"), words(background.MARK)]}
    assert not background.is_background([question])
    assert background.is_background([{"role": "user", "content": f"{background.MARK} 1"}])
