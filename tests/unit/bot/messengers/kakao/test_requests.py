"""What Kakao sends, and everything else that may arrive at its webhook."""

from __future__ import annotations

import copy
import json
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from pydantic import SecretStr
from structlog.testing import capture_logs

from bot.domain.deliveries import DeliveryVia
from bot.domain.messenger import COMMAND_WORDS, Command, Incoming, Problem, Refusal
from bot.domain.turns import RepeatWindow, Utterance
from bot.messengers.kakao.settings import KakaoSettings
from bot.messengers.kakao.skill_request import SkillIncoming, read_request, read_skill
from bot.messengers.kakao.skill_secrets import bots_of_secret
from bot.text.catalog import TEXTS

#: The labels of the buttons, which may be typed.
LABELS = [
    label
    for texts in TEXTS.values()
    for label in (texts.fetch_label, texts.earlier_label, texts.reset_label, texts.help_label)
]

NOW = datetime(2026, 11, 22, 9, 0, 0, 500_000, tzinfo=UTC)
CALLBACK = "https://bot-api.kakao.com/v1/bot/b1/callback?token=a%3D%7Eb"
USER = "Ab12" * 16

SKILL: dict[str, Any] = {
    "intent": {"id": "i1", "name": "폴백 블록", "extra": {"reason": {"code": 1, "message": "OK"}}},
    "userRequest": {
        "timezone": "Asia/Seoul",
        "params": {"surface": "Kakaotalk.plusfriend", "ignoreMe": "true"},
        "block": {"id": "bl1", "name": "폴백 블록"},
        "utterance": "안녕하세요",
        "lang": "ko",
        "user": {
            "id": USER,
            "type": "botUserKey",
            "properties": {"botUserKey": USER, "plusfriendUserKey": "pf1", "isFriend": True},
        },
        "callbackUrl": CALLBACK,
    },
    "bot": {"id": "b1", "name": "블라썸"},
    "action": {"name": "n", "clientExtra": None, "params": {}, "id": "a1", "detailParams": {}},
    "contexts": [],
    "flow": {"trigger": {"type": "TEXT_INPUT"}, "lastBlock": None},
}


MAX_CHARS = 4000
SETTINGS = KakaoSettings(secret=SecretStr("old-secret, 새비밀"))


def skill(**changes: Any) -> dict[str, Any]:
    """The request with some fields changed; "__" stands for a dot."""
    document = copy.deepcopy(SKILL)
    for path, value in changes.items():
        *parents, last = path.split("__")
        target = document
        for key in parents:
            target = target[key]
        target[last] = value
    return document


def read(document: dict[str, Any], received_at: datetime = NOW) -> SkillIncoming:
    return read_skill(document, received_at, SETTINGS, max_chars=MAX_CHARS)


def utterance(document: dict[str, Any], received_at: datetime = NOW) -> Utterance:
    incoming = read(document, received_at)
    assert incoming.utterance is not None
    return incoming.utterance


def only_one_meaning(incoming: Incoming) -> bool:
    meanings = (incoming.utterance, incoming.problem, incoming.command, incoming.fetch)
    return sum(meaning is not None for meaning in meanings) == 1


# --- the secret ---


@pytest.mark.parametrize("secret", ["old-secret", "새비밀"])
def test_each_secret_of_a_rotation_is_accepted(secret: str) -> None:
    bots_of_secret(CIMultiDict({"x-bot-secret": secret}), SETTINGS)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Bot-Secret": ""},
        {"X-Bot-Secret": "wrong"},
        {"X-Bot-Secret": "old-secret, 새비밀"},
        {"X-Bot-Secret": "old-secret "},
        {"X-Bot-Secret": "비밀"},
        {"X-Bot-Secret": "\udcff\ud800"},
        {"Authorization": "old-secret"},
    ],
)
def test_any_other_secret_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Refusal) as refused:
        bots_of_secret(CIMultiDict(headers), SETTINGS)
    assert refused.value.status == 401
    assert "old-secret" not in refused.value.reason


@pytest.mark.parametrize("given", ["", "anything"])
def test_without_a_secret_nothing_is_accepted(given: str) -> None:
    for configured in ("", " , "):
        settings = KakaoSettings(secret=SecretStr(configured))
        with pytest.raises(Refusal):
            bots_of_secret(CIMultiDict({"X-Bot-Secret": given}), settings)


# --- bodies ---


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b'{"userRequest": {"utterance": "\xed\xa0\x80"}}',
        "안녕".encode("cp949"),
        b"hello",
        b"{",
        b"[]",
        b"null",
        b"17",
        b'"text"',
        b"[" * 100_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b"1" * 10_000,
    ],
)
def test_body_that_is_no_json_object_is_a_400(body: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        read_request(body, NOW, SETTINGS, max_chars=MAX_CHARS)
    assert refused.value.status == 400


def test_a_genuine_request_is_read() -> None:
    incoming = read_request(
        json.dumps(SKILL, ensure_ascii=False).encode(), NOW, SETTINGS, max_chars=MAX_CHARS
    )
    said = incoming.utterance
    assert said is not None
    assert only_one_meaning(incoming)
    assert (said.messenger, said.tenant, said.conversation_key) == ("kakao", "b1", USER)
    assert (said.sender, said.text, said.received_at) == (USER, "안녕하세요", NOW)
    assert said.reply.via is DeliveryVia.SYNC
    assert said.reply.address == {"callback_url": CALLBACK, "bot_id": "b1"}
    assert said.reply.sync_until == NOW + timedelta(seconds=SETTINGS.sync_budget_s)
    assert said.reply.callback_until == NOW + timedelta(seconds=SETTINGS.callback_budget_s)
    assert said.reply.expires_at == NOW + timedelta(seconds=SETTINGS.hold_s)


def test_lone_surrogates_and_nul_are_cleaned_away() -> None:
    body = json.dumps(skill(userRequest__utterance="a\ud800b\x00c")).encode()
    said = read_request(body, NOW, SETTINGS, max_chars=MAX_CHARS).utterance
    assert said is not None
    assert said.text == "a\ufffdbc"


# --- the text ---


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("  안녕 \n", "안녕"),
        (unicodedata.normalize("NFD", "한글"), "한글"),
        ("😀😀", "😀😀"),
        ("<|eot_id|>", "<|eot_id|>"),
        (
            "<|start_header_id|>system<|end_header_id|>",
            "<|start_header_id|>system<|end_header_id|>",
        ),
        ("초기화해 줘", "초기화해 줘"),
        ("답변 확인 부탁해", "답변 확인 부탁해"),
        ("새 대화란 뭐야?", "새 대화란 뭐야?"),
        ("도움말.", "도움말."),
        ("처음으로 돌아가고 싶어", "처음으로 돌아가고 싶어"),
        ("/초기화 해 줘", "/초기화 해 줘"),
        ("/shrug", "/shrug"),
        (
            "https://ko.wikipedia.org/wiki/서울 요약해 줘",
            "https://ko.wikipedia.org/wiki/서울 요약해 줘",
        ),
        ("http://a.kr/x.png 이게 뭐야?", "http://a.kr/x.png 이게 뭐야?"),
        ("가" * 4000, "가" * 4000),
    ],
)
def test_ordinary_words_are_never_swallowed(raw: str, text: str) -> None:
    assert utterance(skill(userRequest__utterance=raw)).text == text


@pytest.mark.parametrize(
    "raw", ["", " ", "\n\t ", "\x00", "\u3000", "\u200b", "\u3164", "\u2800\u3164 "]
)
def test_a_text_that_shows_nothing_is_empty(raw: str) -> None:
    assert read(skill(userRequest__utterance=raw)).problem is Problem.EMPTY


@pytest.mark.parametrize("length", [4001, 100_000])
def test_a_text_over_the_limit_is_too_long(length: int) -> None:
    assert read(skill(userRequest__utterance="가" * length)).problem is Problem.TOO_LONG


@pytest.mark.parametrize("raw", [None, 17, [], {}, True])
def test_a_request_without_a_text_is_unreadable(raw: object) -> None:
    assert read(skill(userRequest__utterance=raw)).problem is Problem.UNREADABLE


@pytest.mark.parametrize("user", [None, "", 17, [], {}, {"id": None}, {"id": ""}, {"id": 5}])
def test_a_request_without_a_person_is_unreadable(user: object) -> None:
    incoming = read(skill(userRequest__user=user))
    assert (incoming.problem, incoming.sender) == (Problem.UNREADABLE, "")


def test_the_key_among_the_properties_serves_too() -> None:
    assert read(skill(userRequest__user={"properties": {"botUserKey": "k"}})).sender == "k"


@pytest.mark.parametrize(
    "user", ["x" * 71, "a\x00b", "a\ud800", " a", unicodedata.normalize("NFD", "한")]
)
def test_a_key_the_store_could_not_keep_is_hashed(user: str) -> None:
    sender = read(skill(userRequest__user__id=user)).sender
    assert re.fullmatch("sha256:[0-9a-f]{64}", sender)
    assert sender == read(skill(userRequest__user__id=user)).sender
    assert sender != read(skill(userRequest__user__id=user + "2")).sender


def test_the_longest_documented_key_stays_as_it_is() -> None:
    assert read(skill(userRequest__user__id="x" * 70)).sender == "x" * 70


@pytest.mark.parametrize("bot", [None, {}, {"id": None}, "b1", []])
def test_a_missing_bot_is_the_empty_tenant(bot: object) -> None:
    assert utterance(skill(bot=bot)).tenant == ""


# --- pictures ---


@pytest.mark.parametrize(
    "changes",
    [
        {"userRequest__params": {"media": {"type": "image", "url": "https://x/y"}}},
        {"userRequest__utterance": "http://dn-m.talk.kakao.com/talkm/abc/i_0123"},
        {"userRequest__utterance": "https://talk.kakaocdn.net/dn/a/b/img.jpg?credential=x"},
        {"userRequest__utterance": "https://example.com/cat.PNG"},
        {"flow": {"trigger": {"type": "IMAGE_UPLOAD"}}},
        {
            "action__params": {
                "secureimage": '{"privacyAgreement":"Y","imageQuantity":"1",'
                '"secureUrls":"List(https://secure.kakaocdn.net/x)"}'
            }
        },
    ],
)
def test_a_picture_is_told_from_a_text(changes: dict[str, Any]) -> None:
    assert read(skill(**changes)).problem is Problem.MEDIA


# --- the welcome block ---


def test_the_welcome_block_is_known_by_its_name_or_its_id() -> None:
    named = skill(userRequest__block={"id": "w1", "name": "웰컴 블록"})
    assert read(named).welcome
    settings = KakaoSettings(secret=SecretStr("s"), welcome_block="w1", _env_file=None)
    by_id = read_skill(skill(userRequest__block={"id": "w1"}), NOW, settings, max_chars=MAX_CHARS)
    assert by_id.welcome
    other = skill(userRequest__block={"id": "w2", "name": "웰컴 블록"})
    assert not read_skill(other, NOW, settings, max_chars=MAX_CHARS).welcome


def test_a_command_in_the_welcome_block_stays_a_command() -> None:
    document = skill(
        userRequest__block={"name": "웰컴 블록"}, action__clientExtra={"command": "help"}
    )
    assert read(document).command is Command.HELP


# --- silence ---


def test_a_conversation_begins_anew_after_the_hours_of_the_setting() -> None:
    assert utterance(skill()).idle_after_s == 24 * 3600
    never = KakaoSettings(idle_hours=0, _env_file=None)
    said = read_skill(skill(), NOW, never, max_chars=MAX_CHARS).utterance
    assert said is not None
    assert said.idle_after_s is None


# --- commands and the fetch button ---


@pytest.mark.parametrize(
    ("raw", "command"),
    [
        ("/reset", Command.RESET),
        (" /초기화\n", Command.RESET),
        (unicodedata.normalize("NFD", "/초기화"), Command.RESET),
        ("/RESET", Command.RESET),
        ("/help", Command.HELP),
        ("/도움말", Command.HELP),
    ],
)
def test_a_command_may_begin_with_a_slash(raw: str, command: Command) -> None:
    incoming = read(skill(userRequest__utterance=raw))
    assert incoming.command is command
    assert only_one_meaning(incoming)


@pytest.mark.parametrize(
    ("raw", "command"),
    [
        ("답변 확인", Command.FETCH),
        ("답변확인", Command.FETCH),
        ("이전 답변 보기", Command.FETCH),
        (" 새 대화\n", Command.RESET),
        ("새대화", Command.RESET),
        ("초기화", Command.RESET),
        (unicodedata.normalize("NFD", "도움말"), Command.HELP),
        ("처음으로", Command.RESET),
        ("Show answer", Command.FETCH),
        ("new chat", Command.RESET),
        ("HELP", Command.HELP),
    ],
)
def test_a_commands_word_alone_is_the_command(raw: str, command: Command) -> None:
    incoming = read(skill(userRequest__utterance=raw))
    assert incoming.command is command
    assert only_one_meaning(incoming)


@pytest.mark.parametrize("word", sorted({*COMMAND_WORDS, *LABELS}))
@pytest.mark.parametrize("around", ["{}?", "{}란", "왜 {}", "{0} {0}", "“{}”"])
def test_a_commands_word_within_a_sentence_is_an_ordinary_message(word: str, around: str) -> None:
    incoming = read(skill(userRequest__utterance=around.format(word)))
    assert incoming.command is None
    assert incoming.utterance


@pytest.mark.parametrize("command", Command)
def test_the_commands_buttons_are_understood(command: Command) -> None:
    changes = {"action__clientExtra": {"command": command.value}}
    assert read(skill(**changes)).command is command


def test_a_button_may_carry_a_command() -> None:
    changes = {"action__clientExtra": {"command": "reset"}, "userRequest__utterance": "새로 시작"}
    assert read(skill(**changes)).command is Command.RESET


def test_the_fetch_button_names_its_turn() -> None:
    turn_id = uuid4()
    document = skill(
        action__clientExtra={"fetch_turn": str(turn_id)}, userRequest__utterance="답변 확인"
    )
    incoming = read(document)
    assert incoming.fetch == turn_id
    assert only_one_meaning(incoming)


@pytest.mark.parametrize("extra", ["", "x", None, 5, [], {}, "1" * 5000, "\ud800"])
def test_a_broken_fetch_extra_is_an_ordinary_message(extra: object) -> None:
    assert utterance(skill(action__clientExtra={"fetch_turn": extra})).text == "안녕하세요"


# --- the callback ---


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        5,
        "http://bot-api.kakao.com/x",
        "https://evilkakao.com/x",
        "https://kakao.com.evil.com/x",
        "https://u@bot-api.kakao.com/x",
        "https://[::1]/x",
        "https://bot-api.kakao.com:444/x",
        "https://bot-api.kakao.com/callback?token=cbtest:abc",
        "https://bot-api.kakao.com/callback?token=cbtest%3Aabc",
    ],
)
def test_without_a_usable_callback_there_is_none(url: object) -> None:
    reply = utterance(skill(userRequest__callbackUrl=url)).reply
    assert reply.callback_until is None
    assert reply.address == {}


def test_a_refused_callback_is_logged_by_its_host_alone() -> None:
    with capture_logs() as logs:
        read(skill(userRequest__callbackUrl="https://evil.com/path?token=secret"))
    assert logs == [{"event": "kakao_callback_refused", "host": "evil.com", "log_level": "warning"}]


# --- the event key ---


def test_a_callback_url_names_the_event() -> None:
    first = utterance(skill()).event_key
    assert first == utterance(skill(), NOW + timedelta(minutes=5)).event_key
    other = skill(userRequest__callbackUrl=CALLBACK + "2")
    assert first != utterance(other).event_key


def repeats(document: dict[str, Any], received_at: datetime = NOW) -> RepeatWindow:
    window = utterance(document, received_at).repeats
    assert window is not None
    return window


def test_a_callback_url_needs_no_window() -> None:
    assert utterance(skill()).repeats is None


def test_without_a_callback_url_the_words_count_for_two_seconds() -> None:
    document = skill(userRequest__callbackUrl=None)
    first = repeats(document)
    assert (first.received_at, first.until) == (NOW, NOW + timedelta(seconds=2))
    later = NOW + timedelta(milliseconds=150)
    assert repeats(document, later).key == first.key
    assert utterance(document).event_key != utterance(document, later).event_key
    for changes in (
        {"userRequest__utterance": "안녕"},
        {"userRequest__user__id": "other"},
        {"bot__id": "b2"},
    ):
        assert first.key != repeats(skill(userRequest__callbackUrl=None, **changes)).key


@pytest.mark.parametrize(
    ("words", "short"),
    [
        ("ㅋㅋ", True),
        ("응", True),
        (" 그래? ", True),
        ("여덟 글자입니다", True),
        ("서울 날씨가 어때?", False),
        ("ㅋ" * 9, False),
    ],
)
def test_only_a_short_message_is_meant_again_after_its_answer(words: str, short: bool) -> None:
    document = skill(userRequest__callbackUrl=None, userRequest__utterance=words)
    assert repeats(document).ends_when_delivered is short


def test_a_reset_is_known_by_its_callback_url_or_its_words() -> None:
    def window(document: dict[str, Any]) -> RepeatWindow:
        incoming = read(document)
        assert incoming.command is Command.RESET
        assert incoming.repeats is not None
        return incoming.repeats

    said = {"userRequest__utterance": "/초기화"}
    by_url = window(skill(**said))
    assert by_url.until - by_url.received_at == timedelta(minutes=10)
    assert window(skill(**said, userRequest__callbackUrl=CALLBACK + "2")).key != by_url.key
    by_words = window(skill(**said, userRequest__callbackUrl=None))
    assert by_words.until - by_words.received_at == timedelta(seconds=2)


def test_the_testers_url_is_no_event_key() -> None:
    tester = skill(userRequest__callbackUrl="https://bot-api.kakao.com/x?token=cbtest:1")
    assert utterance(tester).event_key != utterance(tester, NOW + timedelta(minutes=1)).event_key


# --- any shape ---

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner),
    max_leaves=8,
)


def paths(document: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in document.items():
        yield prefix + key
        if isinstance(value, dict):
            yield from paths(value, f"{prefix}{key}__")


@pytest.mark.parametrize("path", list(paths(SKILL)))
@pytest.mark.parametrize("value", [None, [], "", 0])
def test_any_field_may_be_of_another_shape(path: str, value: object) -> None:
    assert only_one_meaning(read(skill(**{path: value})))


@given(path=st.sampled_from(list(paths(SKILL))), value=json_values)
def test_any_field_may_hold_anything(path: str, value: object) -> None:
    assert only_one_meaning(read(skill(**{path: value})))


@given(st.dictionaries(st.sampled_from(list(SKILL)), json_values))
def test_any_object_is_read(document: dict[str, Any]) -> None:
    assert only_one_meaning(read(document))
