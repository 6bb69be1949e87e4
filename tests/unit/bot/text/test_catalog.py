"""The bot's own sentences: whole in both languages, and short enough for where they are shown."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from bot.messengers.kakao.skill_response import MAX_BUBBLE_CHARS, PIECE_CHARS
from bot.text.catalog import TEXTS, Texts

both = pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS.keys())


@both
def test_every_sentence_is_there_and_fits_a_bubble(texts: Texts) -> None:
    for name, sentence in asdict(texts).items():
        assert sentence == sentence.strip(), name
        assert 0 < len(sentence) <= 200, name


@both
def test_labels_fit_a_button(texts: Texts) -> None:
    assert len(texts.fetch_label) <= 14
    assert len(texts.continue_label) <= 14


@both
def test_the_notes_fit_below_a_full_piece(texts: Texts) -> None:
    notes = f"…\n\n{texts.cut_note}\n\n{texts.ai_notice}"
    assert PIECE_CHARS + len(notes) <= MAX_BUBBLE_CHARS


@both
def test_sentences_that_point_at_the_button_name_it(texts: Texts) -> None:
    for sentence in (
        texts.held_busy,
        texts.held_ready_soon,
        texts.held_partial,
        texts.held_still,
        texts.worker_down_held,
    ):
        assert texts.fetch_label in sentence


@both
def test_the_limit_is_filled_in(texts: Texts) -> None:
    assert "4000" in texts.too_long.format(max=4000)


def test_korean_is_polite() -> None:
    labels = ("fetch_label", "earlier_label", "continue_label", "cut_note")
    for name, sentence in asdict(TEXTS["ko"]).items():
        if name not in labels:
            assert sentence.rstrip(".").endswith(("요", "어요", "해요", "봐요")), name
