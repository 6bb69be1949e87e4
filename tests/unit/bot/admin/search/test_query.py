"""The text of the search box: what is read of it, and that nothing breaks it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.admin.search.fields import all_fields
from bot.admin.search.query import MAX_PROBLEMS, MAX_TERMS, MAX_WORDS, Query, Term, parse
from bot.store.search.words import Word

FIELDS = all_fields({"kakao": "카카오톡", "slack": "Slack"})


def read(text: str) -> Query:
    return parse(text, FIELDS)


READ: dict[str, tuple[Word | Term, ...]] = {
    "환불 규정": (Word("환불"), Word("규정")),
    '"환불  규정" 배송': (Word("환불 규정", exact=True), Word("배송")),
    '"환불 규정': (Word("환불 규정", exact=True),),
    '"" 환불': (Word("환불"),),
    "환불 환불": (Word("환불"),),
    "10:30 http://example.com": (Word("10:30"), Word("http://example.com")),
    "상태:실패": (Term("status", "failed"),),
    'STATUS:FAILED 상태:"답변 완료"': (Term("status", "failed"), Term("status", "answered")),
    "메신저:카카오톡 전달:기록없음": (Term("messenger", "kakao"), Term("delivery", "none")),
    "시간:>30초 latency:<2m": (Term("latency", "30초", ">"), Term("latency", "2m", "<")),
    "토큰:>1000": (Term("tokens", "1000", ">"),),
    "날짜:2026-11-20..2026-11-22": (Term("date", "2026-11-20..2026-11-22"),),
    "날짜:>2026-11 date:오늘": (Term("date", "2026-11", ">"), Term("date", "오늘")),
    '방:"내 방"': (Term("room", "내 방"),),
    'room:a"b': (Term("room", 'a"b'),),
    "평가:싫어요 실패:메모리부족": (Term("feedback", "bad"), Term("failure", "out_of_memory")),
}


@pytest.mark.parametrize("text", READ)
def test_words_phrases_and_terms_are_read(text: str) -> None:
    found = read(text)
    assert (*found.words, *found.terms) == READ[text]
    assert found.problems == ()


UNREADABLE = {
    "상태:없음": "알 수 없는 값",
    "시간:>조금": "시간을 읽을 수 없습니다",
    "토큰:many": "숫자를 읽을 수 없습니다",
    "날짜:yesteryear": "날짜를 읽을 수 없습니다",
    "날짜:2026-11-22..2026-11-20": "시작이 끝보다",
    "날짜:9999-12-31": "날짜를 읽을 수 없습니다",
    "날짜:2026-11-20..9999-01": "날짜를 읽을 수 없습니다",
    "상태:>실패": "쓸 수 없습니다",
    "상태:": "값이 없습니다",
    "색:파랑": "조건은 없습니다",
    "가" * 201: "200자까지",
    "room:" + "가" * 101: "100자까지",
}


@pytest.mark.parametrize("token", UNREADABLE)
def test_what_cannot_be_read_is_named_and_the_rest_is_kept(token: str) -> None:
    found = read(f"환불 {token} messenger:slack")
    assert found.words == (Word("환불"),)
    assert found.terms == (Term("messenger", "slack"),)
    [problem] = found.problems
    assert token.startswith(problem.token.rstrip("…"))
    assert UNREADABLE[token] in problem.reason


def test_words_terms_and_problems_are_bounded() -> None:
    many = read(" ".join(f"낱말{n} room:{n} 색:{n}" for n in range(100)))
    assert len(many.words) == MAX_WORDS
    assert len(many.terms) == MAX_TERMS
    assert len(many.problems) == MAX_PROBLEMS


names = st.sampled_from([name for field in FIELDS for name in field.names] + ["색", "http"])
values = st.one_of(
    st.sampled_from(["실패", "failed", ">30s", "<5", "오늘", "2026-11-20..", '"답변 완료"', "<"]),
    st.text(max_size=12),
)
tokens = st.one_of(
    st.text(max_size=12),
    st.builds('"{}"'.format, st.text(max_size=12)),
    st.builds("{}:{}".format, names, values),
)
boxes = st.lists(tokens, max_size=8).map(" ".join)


@given(boxes)
def test_a_printed_search_is_read_as_the_same_search(text: str) -> None:
    found = read(text)
    again = read(str(found))
    assert (again.words, again.terms) == (found.words, found.terms)
    assert again.problems == ()
    assert str(again) == str(found)


@given(st.text())
def test_no_text_breaks_the_reading(text: str) -> None:
    assert isinstance(read(text), Query)
