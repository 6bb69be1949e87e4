"""The bot's own sentences: whole in both languages, and short enough for where they are shown."""

from __future__ import annotations

import re
from dataclasses import asdict, fields

import pytest

from bot.domain.messenger import COMMAND_WORDS, Command
from bot.messengers.kakao.answer_pages import PIECE_CHARS
from bot.messengers.kakao.bubbles import MAX_BUBBLE_CHARS
from bot.messengers.kakao.platform_limits import MAX_BUTTON_LABEL_CHARS
from bot.text.catalog import TEXTS, Texts

both = pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS.keys())


LABELS = {field.name for field in fields(Texts) if field.name.endswith("_label")}
#: No sentences: words of forms and links, and the heading of a prompt.
WORDS = {"human_open", "reason_close", "reason_send", "reason_title"}
WORDS |= {"status_writing", "thread_intro", "files_note", "picture_text", "language"}


def sentences(texts: Texts) -> dict[str, str]:
    return {name: text for name, text in asdict(texts).items() if isinstance(text, str)}


@both
def test_every_sentence_is_there_and_fits_a_bubble(texts: Texts) -> None:
    for name, sentence in sentences(texts).items():
        assert sentence == sentence.strip(), name
        assert 0 < len(sentence) <= (300 if name.startswith("help") else 200), name


@both
def test_labels_fit_a_button(texts: Texts) -> None:
    for name in LABELS:
        assert len(sentences(texts)[name]) <= MAX_BUTTON_LABEL_CHARS, name


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
        texts.help,
    ):
        assert texts.fetch_label in sentence


@both
def test_the_help_names_the_commands_that_are_understood(texts: Texts) -> None:
    for word in (texts.reset_label, texts.help_label, texts.fetch_label):
        assert f"\n{word}: " in texts.help
    words = re.findall("[‘“](.+?)[’”]", texts.help_command)
    assert [COMMAND_WORDS[word] for word in words] == [Command.RESET, Command.HELP]


@both
def test_the_limit_is_filled_in(texts: Texts) -> None:
    assert "4,000" in texts.too_long.format(max=4000)


@both
def test_no_sentence_promises_a_number_of_its_own(texts: Texts) -> None:
    """A limit stands in the settings; the minute of the rate limit is the limit's own unit."""
    for name, sentence in sentences(texts).items():
        if name != "rate_limited":
            assert not re.search(r"[0-9]", re.sub(r"\{.*?\}", "", sentence)), name


@pytest.mark.parametrize(
    ("seconds", "korean", "english"),
    [
        (0.9, "0초", "0 s"),
        (45, "45초", "45 s"),
        (60, "1분", "1 min"),
        (1799.9, "29분", "29 min"),
        (1800, "30분", "30 min"),
        (3600, "1시간", "1 h"),
        (5400, "1시간 30분", "1 h 30 min"),
        (172_800, "48시간", "48 h"),
    ],
)
def test_durations_are_rounded_down(seconds: float, korean: str, english: str) -> None:
    assert TEXTS["ko"].duration(seconds) == korean
    assert TEXTS["en"].duration(seconds) == english


def test_korean_is_polite() -> None:
    for name, sentence in sentences(TEXTS["ko"]).items():
        if name not in LABELS | WORDS:
            assert sentence.strip("()").rstrip(".?").endswith("요"), name


def test_korean_uses_one_word_for_one_thing() -> None:
    for name, sentence in sentences(TEXTS["ko"]).items():
        assert not re.search("모델|저장|답해|물어봐|만들", sentence), name
