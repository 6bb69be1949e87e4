"""Masking: personal data in every spelling is replaced by its kind, and nothing else is."""

from __future__ import annotations

from datetime import date
from ipaddress import IPv4Address

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bot.privacy.masking import mask, mask_detail, pseudonym
from bot.privacy.normalization import normalized
from tests.support.linear_time import TextFunction, assert_linear
from tests.unit.bot.privacy.masking_cases import HARMLESS, PERSONAL, PHONE, RESIDENT

#: The longest answer; the dashboard masks it in a thread of its own.
MAX_CHARS = 8_192


@pytest.mark.parametrize(("said", "shown"), PERSONAL)
def test_personal_data_is_replaced_by_its_kind(said: str, shown: str) -> None:
    assert mask(said) == shown


@pytest.mark.parametrize(("said", "shown"), PERSONAL)
def test_the_place_in_a_sentence_does_not_matter(said: str, shown: str) -> None:
    assert mask(f"안녕하세요.\n{said}\n감사합니다.") == f"안녕하세요.\n{shown}\n감사합니다."
    assert mask(f"“{said}”") == f"“{shown}”"


@pytest.mark.parametrize("harmless", HARMLESS)
def test_other_numbers_stay(harmless: str) -> None:
    assert mask(harmless) == harmless
    assert mask(f"답은 {harmless} (참고)") == f"답은 {harmless} (참고)"


PARTICLES = st.sampled_from(
    ["", "이에요", "은", "이", "가", "로", "으로", "번", "입니다", ".", ", ", ")"]
)
GAPS = st.sampled_from(
    ["", *"-./_·~:|=*,–—ㅡ－", " ", "\u00a0", "\u200b", " - ", " / ", "- ", ") "]
)
DIGITS = st.sampled_from(["0123456789", "０１２３４５６７８９", "٠١٢٣٤٥٦٧٨٩"])


def spelled(number: str, digits: str) -> str:
    return "".join(digits[int(char)] if char in "0123456789" else char for char in number)


@given(
    st.sampled_from(["010", "+82 10", "+82-10", "011", "016", "019"]),
    st.from_regex(r"[2-9][0-9]{3}", fullmatch=True),
    st.from_regex(r"[0-9]{4}", fullmatch=True),
    GAPS,
    GAPS,
    DIGITS,
    PARTICLES,
)
@example("010", "1234", "5678", "", "", "0123456789", "이")
def test_mobile_phones_in_every_spelling(
    head: str, middle: str, tail: str, gap: str, other: str, digits: str, particle: str
) -> None:
    phone = spelled(f"{head}{gap}{middle}{other}{tail}", digits)
    assert mask(f"제 번호는{phone}{particle} 네") == f"제 번호는{PHONE}{particle} 네"


@given(
    st.dates(date(1930, 1, 1), date(2026, 12, 31)),
    st.from_regex(r"[1-8][0-9]{6}", fullmatch=True),
    st.sampled_from(["", *"-/_·~:|=*–—ㅡ－", " ", " - ", "\u00a0"]),
    DIGITS,
    PARTICLES,
)
def test_resident_numbers_without_a_valid_check_digit(
    birthday: date, rest: str, gap: str, digits: str, particle: str
) -> None:
    number = spelled(f"{birthday:%y%m%d}{gap}{rest}", digits)
    assert mask(f"번호는 {number}{particle} 네") == f"번호는 {RESIDENT}{particle} 네"


@given(st.lists(st.ip_addresses(v=4), min_size=1, max_size=3), st.sampled_from([", ", " - ", "\n"]))
@example([IPv4Address(text) for text in ("0.0.0.82", "10.0.0.0", "0.0.0.10")], ", ")
def test_ip_addresses_stay(addresses: list[IPv4Address], between: str) -> None:
    line = f"서버 {between.join(map(str, addresses))}:8080"
    assert mask(line) == line


@given(
    st.dates(date(1950, 1, 1), date(2099, 12, 31)),
    st.dates(date(1950, 1, 1), date(2099, 12, 31)),
    st.sampled_from(
        ["%Y-%m-%d", "%Y.%m.%d", "%Y/%m/%d", "%Y%m%d", "%y.%m.%d", "%Y.%m", "%Y. %m. %d."]
    ),
    st.sampled_from(["-", "~", " - ", " ~ ", "/", ", ", "부터 "]),
)
def test_ranges_of_dates_stay(begin: date, end: date, shape: str, between: str) -> None:
    line = f"기간: {begin.strftime(shape)}{between}{end.strftime(shape)}"
    assert mask(line) == line


@given(
    st.integers(0, 999_999),
    st.from_regex(r"[0-9]{1,30}", fullmatch=True),
    st.sampled_from(["", "%", "배", "이에요", " km"]),
)
@example(0, "0001011000000", "")
def test_decimals_stay(whole: int, fraction: str, unit: str) -> None:
    assume((whole < 100_000, len(fraction)) != (False, 7))  # 901010.1234567 may be a person's
    line = f"값은 {whole}.{fraction}{unit}"
    assert mask(line) == line


@given(st.integers(1, 10**15), st.sampled_from(["원", "달러", "원입니다", "원이에요", " 달러"]))
def test_amounts_stay(amount: int, unit: str) -> None:
    for line in (f"합계 {amount:,}{unit}", f"합계 {amount}{unit}"):
        assert mask(line) == line


@given(st.text(alphabet="가나다 abc.,!?\n()😀", max_size=100))
def test_words_stay(words: str) -> None:
    assert mask(words) == words


@given(st.text(max_size=300))
def test_a_place_in_the_normalized_text_is_the_same_place(text: str) -> None:
    assert len(normalized(text)) == len(text)
    mask(text)


def test_masking_takes_linear_time() -> None:
    assert_linear(TextFunction("mask", mask, MAX_CHARS))


@pytest.mark.parametrize(
    ("kept", "shown"),
    [
        ("found at C7 1700000000.123456", "found at C7 1700000000.123456"),
        ("HTTP 200, C7 1700000000.123456", "HTTP 200, C7 1700000000.123456"),
        ("HTTP 400 01012345678 1700000000.123456", "HTTP 400 [전화번호] 1700000000.123456"),
        ("계좌 1700000000.1234567", "계좌 [카드·계좌번호]"),
        ("3333011234567", "[카드·계좌번호]"),
    ],
)
def test_the_ledger_names_a_message_of_slack_and_no_person(kept: str, shown: str) -> None:
    assert mask_detail(kept) == shown


def test_a_person_keeps_the_same_short_name() -> None:
    name = pseudonym("slack", "T1", "U123")
    assert name == pseudonym("slack", "T1", "U123")
    assert "U123" not in name
    assert len(name) == 8
    assert len({name, pseudonym("slack", "T2", "U123"), pseudonym("kakao", "T1", "U123")}) == 3
