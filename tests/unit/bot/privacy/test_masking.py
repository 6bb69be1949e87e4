import pytest

from bot.privacy.masking import mask, mask_detail, pseudonym
from tests.support.cpu import cpu_s


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("010-1234-5678로 연락 주세요", "[전화번호]로 연락 주세요"),
        ("01012345678이에요", "[전화번호]이에요"),
        ("제 번호는010 1234 5678", "제 번호는[전화번호]"),
        ("010ㅡ1234ㅡ5678", "[전화번호]"),
        ("02)123-4567번", "[전화번호]번"),
        ("031-123-4567", "[전화번호]"),
        ("+82 10-1234-5678", "[전화번호]"),
        ("+82-(0)10-1234-5678", "[전화번호]"),
        ("메일은minji.kim+a@example.co.kr로", "메일은[이메일]로"),
        ("a@b.kr, c@d.com", "[이메일], [이메일]"),
        ("900101-1234567입니다", "[주민등록번호]입니다"),
        ("9001011234567", "[주민등록번호]"),
        ("１２３４-5678-9012-3456", "[카드·계좌번호]"),
        ("1234 5678 9012 3456", "[카드·계좌번호]"),
        ("국민 110-123-456789로 입금", "국민 [카드·계좌번호]로 입금"),
        ("카카오뱅크 3333011234567", "카카오뱅크 [카드·계좌번호]"),
        ("010-1234-5678, 900101-1234567", "[전화번호], [주민등록번호]"),
    ],
)
def test_personal_numbers_are_replaced_by_their_kind(said: str, shown: str) -> None:
    assert mask(said) == shown


@pytest.mark.parametrize(
    "harmless",
    [
        "2026-11-22 10:00:00에 만나요",
        "2026년 11월 22일 10시 30분",
        "가격은 1,234,567,000원",
        "원주율은 3.14159",
        "고객센터 1588-1234",
        "서버 192.168.0.1:8080",
        "1 2 3 4 5 6 7 8 9 10 11 12",
        "골뱅이 @와 a@b 만으로는",
    ],
)
def test_ordinary_numbers_stay(harmless: str) -> None:
    assert mask(harmless) == harmless


@pytest.mark.parametrize(
    "hostile", ["x" * 40_000 + "@", "1-" * 20_000, "0" * 40_000, "a@" * 20_000]
)
def test_masking_costs_little_more_for_hostile_text(hostile: str) -> None:
    assert cpu_s(mask, hostile) < 20 * cpu_s(mask, "제 번호는 010-1234-5678이에요. " * 1_700)


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
