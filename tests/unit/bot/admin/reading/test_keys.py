"""The addresses of people and rooms."""

from __future__ import annotations

import pytest

from bot.admin.reading.keys import ObjectKeys
from bot.domain.turns import Person
from bot.store.reading.room import Room

PERSON = Person(messenger="kakao", tenant="shop", sender="사람-\ud800 1")
ROOM = Room(messenger="slack", tenant="T1", name="C1")
KEYS = ObjectKeys(b"k" * 32)


def test_an_address_is_the_same_each_time_and_leads_back() -> None:
    key = KEYS.of_person(PERSON)
    assert key == ObjectKeys(b"k" * 32).of_person(PERSON)
    assert KEYS.person(key) == PERSON
    assert KEYS.room(KEYS.of_room(ROOM)) == ROOM


def test_an_address_tells_nothing() -> None:
    assert "person" not in KEYS.of_person(PERSON)
    assert KEYS.of_person(PERSON)[:16] != KEYS.of_room(ROOM)[:16]


def test_an_address_of_a_room_is_none_of_a_person() -> None:
    same = Room(messenger="kakao", tenant="shop", name=PERSON.sender)
    assert KEYS.of_room(same) != KEYS.of_person(PERSON)
    assert KEYS.person(KEYS.of_room(same)) is None


@pytest.mark.parametrize("key", ["", "x", "=", "가", "A" * 10_000, "AAAA" * 10, "../..", "a b"])
def test_a_made_up_address_leads_nowhere(key: str) -> None:
    assert KEYS.person(key) is None
    assert KEYS.room(key) is None


def test_one_changed_letter_or_another_password_leads_nowhere() -> None:
    key = KEYS.of_person(PERSON)
    for place in range(0, len(key), 7):
        other = "A" if key[place] != "A" else "B"
        assert KEYS.person(key[:place] + other + key[place + 1 :]) is None
    assert ObjectKeys(b"o" * 32).person(key) is None
