"""What pressed buttons ask for, and what any other extra is."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.feedback import Reason, Vote
from bot.domain.messenger import COMMAND_WORDS, Command
from bot.messengers.kakao.presses import (
    ContinuePress,
    PagePress,
    Press,
    VotePress,
    read_press,
)
from bot.messengers.kakao.settings import KakaoSettings
from bot.messengers.kakao.simulated_requests import skill_request
from bot.messengers.kakao.skill_request import SkillIncoming, read_skill

TURN = UUID("01890000-0000-7000-8000-000000000001")
NOW = datetime(2026, 11, 26, tzinfo=UTC)


def read(text: str, extra: dict[str, Any] | None = None) -> SkillIncoming:
    settings = KakaoSettings(_env_file=None)
    return read_skill(skill_request(text, extra=extra), NOW, settings, max_chars=4000)


@pytest.mark.parametrize(
    "press",
    [
        PagePress(turn_id=TURN, page=2),
        ContinuePress(turn_id=TURN),
        VotePress(turn_id=TURN, vote=Vote.GOOD),
        VotePress(turn_id=TURN, vote=Vote.BAD, reason=Reason.KOREAN, page=3),
        VotePress(turn_id=TURN, vote=Vote.BAD, unfinished=True),
    ],
)
def test_a_press_is_read_as_its_button_was_written(press: Press) -> None:
    assert read_press(press.extra()) == press
    incoming = read("👍", dict(press.extra()))
    assert incoming.press == press
    assert (incoming.utterance, incoming.command, incoming.problem) == (None, None, None)
    assert incoming.message.sender == incoming.sender


@pytest.mark.parametrize(
    "extra",
    [
        None,
        [],
        "x",
        {},
        {"page_turn": str(TURN)},
        {"page_turn": str(TURN), "page": 0},
        {"page_turn": str(TURN), "page": True},
        {"page_turn": str(TURN), "page": "2"},
        {"page_turn": str(TURN), "page": 10**9},
        {"page_turn": "x", "page": 2},
        {"continue_turn": 17},
        {"vote": "good"},
        {"vote": "best", "turn": str(TURN)},
        {"vote": ["good"], "turn": str(TURN)},
        {"vote": "bad", "turn": str(TURN), "reason": "because"},
        {"vote": "bad", "turn": str(TURN), "reason": {}},
        {"vote": "good", "turn": None},
    ],
)
def test_any_other_extra_is_no_press(extra: object) -> None:
    assert read_press(extra) is None


@given(
    st.dictionaries(
        st.sampled_from(["page_turn", "page", "continue_turn", "vote", "turn", "reason"]),
        st.none() | st.integers() | st.text(max_size=5) | st.just(str(TURN)) | st.lists(st.none()),
    )
)
def test_no_extra_breaks_the_reading(extra: dict[str, Any]) -> None:
    read_press(extra)
    assert read("안녕", extra).sender


@pytest.mark.parametrize("word", ["계속", "/계속", " 계속 ", "continue", "Continue"])
def test_the_typed_word_goes_on_with_the_newest_answer(word: str) -> None:
    incoming = read(word)
    assert incoming.press == ContinuePress(turn_id=None)
    assert incoming.message.text == word.strip()


@pytest.mark.parametrize("word", ["더 보기", "더보기", "/더 보기", "more"])
def test_the_typed_word_asks_for_the_newest_answers_next_page(word: str) -> None:
    assert read(word).press == PagePress(turn_id=None, page=2)
    assert read(f"{word} 방법").utterance is not None


@pytest.mark.parametrize("text", ["계속 써 줘", "왜 계속 그래?", "다시 계속"])
def test_a_sentence_with_the_word_is_a_question(text: str) -> None:
    assert read(text).utterance is not None


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("다시", Command.AGAIN),
        ("/다시", Command.AGAIN),
        ("그만", Command.STOP),
        ("내 정보 삭제", Command.ERASE),
        ("내정보삭제", Command.ERASE),
        ("상담원", Command.HUMAN),
        ("챗봇", Command.BOT),
        ("처음으로", Command.RESET),
        ("답변 확인", Command.FETCH),
    ],
)
def test_the_words_of_people_are_commands(text: str, command: Command) -> None:
    incoming = read(text)
    assert incoming.command is command
    assert incoming.message.text == text


@pytest.mark.parametrize(
    "text",
    ["다시 설명해 줘", "그만 좀 해", "상담원 연결해 줘", "챗봇이 뭐야?", "내 정보 삭제해 줘"],
)
def test_a_sentence_with_a_command_in_it_goes_to_the_model(text: str) -> None:
    assert read(text).utterance is not None


@pytest.mark.parametrize(
    "typed",
    [
        lambda word: unicodedata.normalize("NFD", word),
        lambda word: f"／{word}",
        lambda word: f"/ {word}",
        lambda word: f"{word} \n\u3000",
        lambda word: f"\ufeff{word}",
        lambda word: f"{word[:1]}\u200b{word[1:]}\u200d",
        lambda word: f"\u200e{word}\u3164\ufe0f\u00ad\u2060",
        str.upper,
    ],
    ids=["NFD", "wide slash", "spaced", "blanks", "mark", "no width", "invisible", "capitals"],
)
def test_a_word_is_known_however_the_keyboard_sends_it(typed: Callable[[str], str]) -> None:
    for word, command in COMMAND_WORDS.items():
        assert read(typed(word)).command is command
    assert read(typed("계속")).press == ContinuePress(turn_id=None)
    assert read(typed("더 보기")).press == PagePress(turn_id=None, page=2)
    assert read(typed("다시 한번 설명해 줘")).utterance is not None


def test_letters_of_full_width_are_the_same_word() -> None:
    assert read("／ｈｅｌｐ").command is Command.HELP


def test_only_its_own_button_confirms_an_erasure() -> None:
    assert not read("내 정보 삭제").pressed
    assert not read("내 정보 삭제", {"command": "erase"}).pressed
    assert not read("모두 지우기", {"command": "erase", "confirmed": "yes"}).pressed
    assert read("모두 지우기", {"command": "erase", "confirmed": True}).pressed
