"""What a program may send to the generic webhook, and everything else that may arrive there."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.domain.deliveries import DeliveryVia
from bot.domain.messenger import Command, Incoming, Problem, Refusal
from bot.messengers.generic.message import read_message
from bot.messengers.generic.settings import GenericSettings
from fakes.generic import message

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
SETTINGS = GenericSettings(secret=SecretStr("s"), callback_hosts=("chat.example.com",))


def read(document: object, wait_s: float = 0.0) -> Incoming:
    body = json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return read_message(body, NOW, SETTINGS, signature="v1=0", wait_s=wait_s, max_chars=100)


def test_a_message_becomes_an_utterance() -> None:
    said = read(message("안녕\x00하세요", tenant="acme", idempotency_key="k-1")).utterance
    assert said is not None
    assert (said.messenger, said.tenant, said.event_key) == ("generic", "acme", "k-1")
    assert (said.conversation_key, said.sender, said.text) == ("room-1", "chulsoo", "안녕하세요")
    assert said.reply.via is DeliveryVia.SYNC
    assert said.reply.expires_at == NOW + timedelta(seconds=1800)


def test_the_response_may_wait_as_long_as_was_asked() -> None:
    said = read(message("안녕"), wait_s=12).utterance
    assert said is not None
    assert said.reply.sync_until == NOW + timedelta(seconds=12)


def test_a_callback_is_posted() -> None:
    url = "https://chat.example.com/results?room=1%3D"
    said = read(message("안녕", callback_url=url)).utterance
    assert said is not None
    assert said.reply.via is DeliveryVia.POST
    assert said.reply.address == {"callback_url": url}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"user": None}, "user"),
        ({"user": ""}, "user"),
        ({"conversation": 7}, "conversation"),
        ({"text": ["안녕"]}, "text"),
        ({"idempotency_key": None}, "idempotency_key"),
        ({"idempotency_key": ""}, "idempotency_key"),
        ({"idempotency_key": "x" * 201}, "idempotency_key"),
        ({"callback_url": "https://evil.example/"}, "callback_url"),
        ({"callback_url": "http://chat.example.com/"}, "callback_url"),
        ({"callback_url": 1}, "callback_url"),
        ({"tenant": 1}, "tenant"),
        ({"tenant": ["acme"]}, "tenant"),
        ({"tenant": False}, "tenant"),
        ({"command": "초기화"}, "command"),
        ({"command": {}}, "command"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Refusal) as refused:
        read({**message("안녕"), **changes})
    assert refused.value.status == 400
    assert refused.value.reason.startswith(f"{field}: ")


def test_waiting_and_a_callback_exclude_each_other() -> None:
    with pytest.raises(Refusal) as refused:
        read(message("안녕", callback_url="https://chat.example.com/"), wait_s=1)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("text", "problem"), [(" \u3164\n", Problem.EMPTY), ("가" * 101, Problem.TOO_LONG)]
)
def test_user_mistake_is_a_problem(text: str, problem: Problem) -> None:
    assert read(message(text)).problem is problem


def test_a_tenant_that_is_null_is_absent() -> None:
    assert read({**message("안녕"), "tenant": None}).tenant == ""


def test_a_reset_needs_no_text() -> None:
    asked = read({"conversation": "room-1", "user": "chulsoo", "command": "reset"})
    assert asked.command is Command.RESET


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"{", b"[" * 100_000])
def test_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        read_message(body, NOW, SETTINGS, signature="v1=0", wait_s=0, max_chars=100)
    assert refused.value.status == 400


values: st.SearchStrategy[object] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=300), st.just([{}])
)


@given(
    st.dictionaries(st.sampled_from([*message(""), "tenant", "callback_url", "command"]), values)
)
def test_any_document_is_read_or_refused(document: dict[str, Any]) -> None:
    for one in (document, {**message("안녕"), **document}):
        with contextlib.suppress(Refusal):
            incoming = read(one)
            meanings = (incoming.utterance, incoming.problem, incoming.command)
            assert sum(meaning is not None for meaning in meanings) == 1
