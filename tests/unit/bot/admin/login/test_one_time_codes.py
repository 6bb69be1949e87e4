import base64

import pytest

from bot.admin.login.one_time_codes import cleaned, matching_step, new_secret
from bot.admin.login.recovery_codes import COUNT, code_hash, new_codes

#: RFC 6238, appendix B, for SHA-1: the last six of its eight digits.
RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()
RFC_CODES = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]


@pytest.mark.parametrize(("now", "typed"), RFC_CODES)
def test_codes_are_those_of_the_rfc(now: int, typed: str) -> None:
    assert matching_step(RFC_SECRET, typed, now) == now // 30
    assert matching_step(RFC_SECRET, typed, now + 30) == now // 30
    assert matching_step(RFC_SECRET, typed, now + 61) is None


def test_at_the_beginning_of_time_there_is_no_step_before() -> None:
    assert matching_step(RFC_SECRET, "000000", 0) is None


def test_a_secret_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError, match="base32"):
        matching_step("!", "000000", 59)


def test_secrets_have_the_length_of_the_rfc_and_differ() -> None:
    secrets = {new_secret() for _ in range(20)}
    assert len(secrets) == 20
    assert {len(base64.b32decode(secret)) for secret in secrets} == {20}


@pytest.mark.parametrize(
    ("typed", "digits"),
    [("123456", "123456"), (" 123 456\n", "123456"), ("12345", ""), ("१२३४५६", ""), ("", "")],
)
def test_spaces_in_a_code_are_forgiven_and_nothing_else(typed: str, digits: str) -> None:
    assert cleaned(typed) == digits


def test_recovery_codes_differ_and_are_found_however_they_are_typed() -> None:
    codes = new_codes()
    assert len(set(codes)) == COUNT
    assert all(len(code.replace("-", "")) == 16 for code in codes)
    code = codes[0]
    assert code_hash(code) == code_hash(f" {code.upper().replace('-', ' ')}\n")
    assert len({code_hash(one) for one in codes}) == COUNT
