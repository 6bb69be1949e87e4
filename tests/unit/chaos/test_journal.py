"""What a text that names no message says of which one."""

from __future__ import annotations

import pytest

from chaos.deeds import Stop
from chaos.journal import Journal, Message

STOPPED = ["stopped"]


@pytest.fixture
def journal() -> Journal:
    return Journal()


def accepted(journal: Journal, number: int, asks_again: str = "") -> Message:
    message = journal.sent("k1", number)
    message.accepted_at = message.sent_at
    message.asks_again = asks_again
    return message


def answer(name: str, generation: int) -> str:
    return f"{name}g{generation}시작 음 {name}g{generation}끝"


def test_a_notice_goes_to_the_first_message_without_an_end(journal: Journal) -> None:
    first, second = accepted(journal, 1), accepted(journal, 2)
    journal.tell_somebody("k1", STOPPED)
    assert (first.notices, second.notices) == (STOPPED, [])


def test_a_guess_that_its_answer_disproves_is_another_s(journal: Journal) -> None:
    first, second = accepted(journal, 1), accepted(journal, 2)
    journal.tell_somebody("k1", STOPPED)
    journal.show(first, "callback", answer("k1m1", 1))
    assert (first.notices, second.notices) == ([], STOPPED)


def test_a_guess_that_a_notice_disproves_is_another_s(journal: Journal) -> None:
    first, second = accepted(journal, 1), accepted(journal, 2)
    journal.tell_somebody("k1", STOPPED)
    journal.tell(first, ["failed"])
    assert (first.notices, second.notices) == (["failed"], STOPPED)


def test_an_answer_goes_to_a_guess_before_it_counts_as_shown_twice(journal: Journal) -> None:
    first, again = accepted(journal, 1), accepted(journal, 2, asks_again="k1m1")
    third, later = accepted(journal, 3), accepted(journal, 4)
    journal.show(first, "callback", answer("k1m1", 1))
    journal.tell_somebody("k1", STOPPED)
    assert again.notices == STOPPED
    journal.show(later, "button", answer("k1m1", 2))
    assert [len(first.shown), len(again.shown)] == [1, 1]
    assert (again.notices, third.notices) == ([], STOPPED)


def test_a_notice_more_than_there_are_messages_without_an_end_hides_no_loss(
    journal: Journal,
) -> None:
    first, second = accepted(journal, 1), accepted(journal, 2)
    journal.tell_somebody("k1", STOPPED)
    assert first.ended
    assert not second.ended


def test_a_notice_goes_to_a_message_that_somebody_stopped(journal: Journal) -> None:
    first, second = accepted(journal, 1), accepted(journal, 2)
    first.sent_at = 3.0
    second.sent_at = 1.0
    journal.stops.append(Stop(conversation="k1", way="word", sent_at=1.5, ended_at=2.0))
    journal.tell_somebody("k1", STOPPED)
    assert (first.notices, second.notices) == ([], STOPPED)


def test_a_notice_that_comes_again_is_no_later_message_s(journal: Journal) -> None:
    stopped, later = accepted(journal, 1), accepted(journal, 2)
    stopped.sent_at = 1.0
    journal.stops.append(Stop(conversation="k1", way="word", sent_at=1.5, ended_at=2.0))
    journal.tell(stopped, STOPPED)
    journal.tell_somebody("k1", STOPPED)
    assert (stopped.notices, later.ended) == (STOPPED, False)


def test_a_second_answer_to_the_same_message_counts(journal: Journal) -> None:
    first = accepted(journal, 1)
    journal.show(first, "callback", answer("k1m1", 1))
    journal.show(first, "button", answer("k1m1", 1))
    assert len(first.shown) == 2


def test_an_answer_that_a_button_shows_again_is_that_of_the_repetition(journal: Journal) -> None:
    first, again = accepted(journal, 1), accepted(journal, 2, asks_again="k1m1")
    later = accepted(journal, 3)
    journal.show(first, "callback", answer("k1m1", 1))
    journal.show(again, "callback", answer("k1m1", 2))
    journal.show(later, "button", answer("k1m1", 2))
    assert [len(first.shown), len(again.shown)] == [1, 2]


def test_a_repetition_s_button_shows_the_first_answer_of_its_question(journal: Journal) -> None:
    first, again = accepted(journal, 1), accepted(journal, 2, asks_again="k1m1")
    journal.show(again, "callback", answer("k1m1", 2))
    journal.show(again, "button", answer("k1m1", 1))
    assert [len(first.shown), len(again.shown)] == [1, 1]


def test_a_button_shows_its_own_answer_before_anothers(journal: Journal) -> None:
    first, again = accepted(journal, 1), accepted(journal, 2, asks_again="k1m1")
    journal.show(again, "button", answer("k1m1", 2))
    assert [len(first.shown), len(again.shown)] == [0, 1]


def test_an_answer_that_was_cut_for_time_is_one_and_enters_the_history(journal: Journal) -> None:
    first, second = accepted(journal, 1), accepted(journal, 2)
    assert not journal.show(first, "result", "k1m1g1시작 음")
    assert journal.show(second, "result", "k1m2g2시작 음", cut=True)
    assert [one.generation for one in second.shown] == [2]
    asked = [("user", "k1m2 안녕"), ("assistant", "k1m2g2시작 음"), ("user", "k1m3 안녕")]
    journal.reply([{}, *({"role": role, "content": said} for role, said in asked)])
    assert not journal.generations[0].is_broken
    assert journal.generations[0].history == (("k1m2", 2),)
