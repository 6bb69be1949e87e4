"""Who may speak to the generic webhook."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from bot.domain.messenger import Refusal
from bot.messengers.generic.signature import sign, verify
from fakes.generic import signed_headers

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
SECRETS = (b"the new secret", b"the old one")
BODY = '{"text": "안녕"}'.encode()


def headers(
    secret: str = "the new secret", signed: bytes = BODY, **shift: float
) -> CIMultiDict[str]:
    at = (NOW + timedelta(**shift)).timestamp()
    return CIMultiDict(signed_headers(secret, signed, at))


@pytest.mark.parametrize("secret", ["the new secret", "the old one"])
def test_both_secrets_of_a_rotation_are_accepted(secret: str) -> None:
    verify(headers(secret), BODY, SECRETS, NOW)


@pytest.mark.parametrize("seconds", [-299, 0, 299])
def test_five_minutes_either_way_are_accepted(seconds: float) -> None:
    verify(headers(seconds=seconds), BODY, SECRETS, NOW)


@pytest.mark.parametrize("seconds", [-301, 301, 86_400])
def test_another_time_is_refused(seconds: float) -> None:
    with pytest.raises(Refusal) as refused:
        verify(headers(seconds=seconds), BODY, SECRETS, NOW)
    assert refused.value.status == 401


@pytest.mark.parametrize(
    "changed",
    [
        {"X-Bot-Signature": ""},
        {"X-Bot-Signature": "v1="},
        {"X-Bot-Signature": "v0=" + "0" * 64},
        {"X-Bot-Signature": "v1=\udc80"},
        {"X-Bot-Timestamp": ""},
        {"X-Bot-Timestamp": "now"},
        {"X-Bot-Timestamp": "９" * 10},
        {"X-Bot-Timestamp": "1" * 13},
        {"X-Bot-Timestamp": "-1"},
    ],
)
def test_odd_headers_are_refused(changed: dict[str, str]) -> None:
    with pytest.raises(Refusal) as refused:
        verify(CIMultiDict({**headers(), **changed}), BODY, SECRETS, NOW)
    assert refused.value.status == 401


@given(st.binary(max_size=40), st.integers(0, 39))
def test_a_changed_byte_is_refused(body: bytes, place: int) -> None:
    given_headers = headers(signed=body)
    changed = bytearray(body or b"x")
    changed[place % len(changed)] ^= 1
    with pytest.raises(Refusal):
        verify(given_headers, bytes(changed), SECRETS, NOW)


def test_without_a_secret_nobody_gets_in() -> None:
    with pytest.raises(Refusal):
        verify(headers(""), BODY, (), NOW)


def test_signature_that_the_bot_makes_is_accepted() -> None:
    assert sign(SECRETS[0], BODY, NOW).items() <= dict(headers()).items()
